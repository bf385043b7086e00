package main

import (
	"fmt"
	"html"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"
)

// drawn is how many blocks a picture can hold and still be read.
const drawn = 300

func (a *app) graphCommand() *cobra.Command {
	var flags planFlags
	var format string
	c := &cobra.Command{
		Use:   "graph [FOLDER]",
		Short: "Draw which resources depend on which",
		Long: `Draw which resource blocks depend on which, as SVG (up to 300 blocks), for
Graphviz (-format=dot), or for Mermaid (-format=mermaid).`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			_, p, err := a.look(c.Context(), folder(args), flags.vars)
			if err != nil {
				return err
			}
			edges := p.Edges()
			switch format {
			case "dot":
				writeDot(a.out, edges)
			case "mermaid":
				writeMermaid(a.out, edges)
			case "svg":
				if len(edges) > drawn {
					return fmt.Errorf("the stack has %d resource blocks, and a picture of more than %d can't be read: use -format=dot or -format=mermaid", len(edges), drawn)
				}
				writeSVG(a.out, edges)
			default:
				return fmt.Errorf("-format is svg, dot or mermaid, not %q", format)
			}
			return nil
		},
	}
	c.Flags().StringVar(&format, "format", "svg", "svg, dot or mermaid")
	flags.addVars(c)
	return c
}

func writeDot(w io.Writer, edges map[string][]string) {
	fmt.Fprintln(w, "digraph stack {\n  rankdir = RL\n  node [shape = box]")
	for _, from := range slices.Sorted(maps.Keys(edges)) {
		fmt.Fprintf(w, "  %q\n", from)
		for _, to := range edges[from] {
			fmt.Fprintf(w, "  %q -> %q\n", from, to)
		}
	}
	fmt.Fprintln(w, "}")
}

func writeMermaid(w io.Writer, edges map[string][]string) {
	names := slices.Sorted(maps.Keys(edges))
	number := map[string]int{}
	fmt.Fprintln(w, "flowchart RL")
	for i, n := range names {
		number[n] = i
		fmt.Fprintf(w, "  n%d[\"%s\"]\n", i, n)
	}
	for _, from := range names {
		for _, to := range edges[from] {
			fmt.Fprintf(w, "  n%d --> n%d\n", number[from], number[to])
		}
	}
}

// Sizes of the picture, in pixels.
const (
	boxHeight, boxGap, columnGap = 26, 12, 70
	letter                       = 7.3 // width of one, in the picture's font
)

// writeSVG sets each block in the column after the last of what it depends on,
// and within a column in the order of what it is connected with to the left.
func writeSVG(w io.Writer, edges map[string][]string) {
	names := slices.Sorted(maps.Keys(edges))
	depth := map[string]int{}
	var deep func(n string) int
	deep = func(n string) int {
		if d, ok := depth[n]; ok {
			return d
		}
		depth[n] = 0 // a circle of known ids ends here
		d := 0
		for _, to := range edges[n] {
			d = max(d, deep(to)+1)
		}
		depth[n] = d
		return d
	}
	var columns [][]string
	for _, n := range names {
		d := deep(n)
		for len(columns) <= d {
			columns = append(columns, nil)
		}
		columns[d] = append(columns[d], n)
	}
	type box struct{ x, y, width float64 }
	boxes := map[string]box{}
	x, bottom := 20.0, 0.0
	for _, column := range columns {
		slices.SortStableFunc(column, func(m, n string) int {
			mean := func(s string) float64 {
				sum, count := 0.0, 0.0
				for _, to := range edges[s] {
					if b, ok := boxes[to]; ok {
						sum, count = sum+b.y, count+1
					}
				}
				return sum / max(count, 1)
			}
			switch a, b := mean(m), mean(n); {
			case a < b:
				return -1
			case a > b:
				return 1
			}
			return 0
		})
		width := 0.0
		for _, n := range column {
			width = max(width, letter*float64(len(n))+20)
		}
		for i, n := range column {
			boxes[n] = box{x, 20 + float64(i)*(boxHeight+boxGap), width}
			bottom = max(bottom, boxes[n].y+boxHeight)
		}
		x += width + columnGap
	}
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" font-family="monospace" font-size="12">`+"\n", x-columnGap+20, bottom+20)
	fmt.Fprintln(w, `<rect width="100%" height="100%" fill="white"/>`)
	for _, from := range names {
		for _, to := range edges[from] {
			f, t := boxes[from], boxes[to]
			x1, y1, x2, y2 := f.x, f.y+boxHeight/2, t.x+t.width, t.y+boxHeight/2
			fmt.Fprintf(w, `<path d="M%.1f %.1f C%.1f %.1f %.1f %.1f %.1f %.1f" fill="none" stroke="#8899aa"/>`+"\n", x1, y1, x1-columnGap/2, y1, x2+columnGap/2, y2, x2, y2)
		}
	}
	for _, n := range names {
		b := boxes[n]
		fmt.Fprintf(w, `<rect x="%.1f" y="%.1f" width="%.1f" height="%d" rx="4" fill="#eef3f8" stroke="#446688"/><text x="%.1f" y="%.1f">%s</text>`+"\n",
			b.x, b.y, b.width, boxHeight, b.x+10, b.y+boxHeight/2+4, html.EscapeString(n))
	}
	fmt.Fprintln(w, "</svg>")
}
