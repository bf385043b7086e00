package lang_test

import (
	"fmt"
	"strings"
)

// shape generates the stacks of the benchmark: files by name.
func shape(kind string, n int) map[string]string {
	var b, m strings.Builder
	block := func(w *strings.Builder, name, expr string) {
		fmt.Fprintf(w, "resource \"terraform_data\" %q {\n  input = %s\n}\n", name, expr)
	}
	last := ""
	switch kind {
	case "flat":
		for i := range n {
			block(&b, fmt.Sprintf("r%06d", i), fmt.Sprintf("\"v%06d\"", i))
		}
		last = fmt.Sprintf("terraform_data.r%06d.output", n-1)
	case "count":
		fmt.Fprintf(&b, "resource \"terraform_data\" \"r\" {\n  count = %d\n  input = \"v${count.index}\"\n}\n", n)
		last = fmt.Sprintf("terraform_data.r[%d].output", n-1)
	case "foreach":
		b.WriteString("locals {\n  m = {\n")
		for i := range n {
			fmt.Fprintf(&b, "    k%06d = \"v%06d\"\n", i, i)
		}
		b.WriteString("  }\n}\nresource \"terraform_data\" \"r\" {\n  for_each = local.m\n  input = each.value\n}\n")
		last = fmt.Sprintf("terraform_data.r[\"k%06d\"].output", n-1)
	case "layered":
		for i := range n {
			expr := fmt.Sprintf("\"v%06d", i)
			if l, j := i/100, i%100; l > 0 {
				for _, d := range []int{0, 7, 31} {
					expr += fmt.Sprintf(" ${terraform_data.r%06d.id}", (l-1)*100+(j+d)%100)
				}
			}
			block(&b, fmt.Sprintf("r%06d", i), expr+"\"")
		}
		last = fmt.Sprintf("terraform_data.r%06d.output", n-1)
	case "modules", "modforeach":
		m.WriteString("variable \"name\" { type = string }\nvariable \"up\" {\n  type = string\n  default = \"\"\n}\n")
		id := func(names ...string) string {
			s := "\""
			for _, x := range names {
				s += "${terraform_data." + x + ".id}"
			}
			return s + "\""
		}
		block(&m, "net", `"${var.name} ${var.up}"`)
		block(&m, "subnet", id("net"))
		block(&m, "router", id("net", "subnet"))
		block(&m, "sg", `"${var.name}"`)
		block(&m, "port", id("subnet", "sg"))
		block(&m, "image", `"${var.name}"`)
		block(&m, "volume", id("image"))
		block(&m, "server", id("port", "image"))
		block(&m, "attach", id("server", "volume"))
		block(&m, "fip", id("port", "router"))
		m.WriteString("output \"id\" { value = terraform_data.fip.id }\n")
		if kind == "modules" {
			for g := range n / 10 {
				up := ""
				if g > 0 {
					up = fmt.Sprintf("  up = module.g%06d.id\n", g/10)
				}
				fmt.Fprintf(&b, "module \"g%06d\" {\n  source = \"./m\"\n  name = \"g%d\"\n%s}\n", g, g, up)
			}
			last = fmt.Sprintf("module.g%06d.id", n/10-1)
			break
		}
		b.WriteString("locals {\n  m = {\n")
		for i := range n / 10 {
			fmt.Fprintf(&b, "    k%06d = \"g%d\"\n", i, i)
		}
		b.WriteString("  }\n}\nmodule \"g\" {\n  source = \"./m\"\n  for_each = local.m\n  name = each.value\n}\n")
		last = fmt.Sprintf("module.g[\"k%06d\"].id", n/10-1)
	case "cloud":
		subnets, images := max(1, n/20), max(1, n/50)
		block(&b, "net", `"net"`)
		for i := range subnets {
			block(&b, fmt.Sprintf("subnet%05d", i), fmt.Sprintf("\"subnet%d ${terraform_data.net.id}\"", i))
		}
		for i := range images {
			block(&b, fmt.Sprintf("image%05d", i), fmt.Sprintf("\"image%d\"", i))
		}
		for i := range n - 1 - subnets - images {
			block(&b, fmt.Sprintf("server%06d", i), fmt.Sprintf("\"v%06d ${terraform_data.net.id} ${terraform_data.subnet%05d.id} ${terraform_data.image%05d.id}\"", i, i%subnets, i%images))
		}
		last = fmt.Sprintf("terraform_data.server%06d.output", n-2-subnets-images)
	}
	fmt.Fprintf(&b, "output \"o0\" {\n  value = %s\n}\n", last)
	files := map[string]string{"main.stack.hcl": b.String()}
	if m.Len() > 0 {
		files["m/main.stack.hcl"] = m.String()
	}
	return files
}

var shapes = []string{"flat", "count", "foreach", "layered", "modules", "modforeach", "cloud"}
