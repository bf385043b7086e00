package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A shape is one form of configuration, of a given number of resources. They use
// terraform_data alone, so that Terraform and OpenTofu plan the same folders.
type shape struct {
	name, says string
	write      func(n int) files
}

// files are the texts of a stack by name.
type files map[string]string

var shapes = []shape{
	{"flat", "n blocks that do not know each other", flat},
	{"count", "one block with count = n", counted},
	{"foreach", "one block with for_each over a map of n keys", foreach},
	{"layered", "n blocks in layers of 100, each naming 3 of the layer before", layered},
	{"chain", "n blocks, each naming the one before", chain},
	{"modules", "n/10 calls of one module of 10 blocks; each names an earlier call", modules},
	{"modforeach", "one module call with for_each over n/10 keys", modforeach},
	{"cloud", "one network, n/20 subnets, n/50 images, and servers that name one of each", cloud},
}

// save writes the files below a folder.
func (f files) save(dir string) error {
	for name, text := range f {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// text builds one file.
type text struct{ strings.Builder }

func (t *text) block(name, input string) {
	fmt.Fprintf(t, "resource \"terraform_data\" %q {\n  input = %s\n}\n\n", name, input)
}

func (t *text) files(last string) files {
	fmt.Fprintf(t, "output \"last\" {\n  value = %s\n}\n", last)
	return files{"main.tf": t.String()}
}

func label(i int) string { return fmt.Sprintf("r%06d", i) }

func ref(name, attribute string) string { return "terraform_data." + name + "." + attribute }

func flat(n int) files {
	var t text
	for i := range n {
		t.block(label(i), fmt.Sprintf("\"v%06d\"", i))
	}
	return t.files(ref(label(n-1), "output"))
}

func counted(n int) files {
	var t text
	fmt.Fprintf(&t, "resource \"terraform_data\" \"r\" {\n  count = %d\n  input = \"v${count.index}\"\n}\n\n", n)
	return t.files(fmt.Sprintf("terraform_data.r[%d].output", n-1))
}

func (t *text) keys(n int) {
	t.WriteString("locals {\n  m = {\n")
	for i := range n {
		fmt.Fprintf(t, "    k%06d = \"v%06d\"\n", i, i)
	}
	t.WriteString("  }\n}\n\n")
}

func foreach(n int) files {
	var t text
	t.keys(n)
	t.WriteString("resource \"terraform_data\" \"r\" {\n  for_each = local.m\n  input    = each.value\n}\n\n")
	return t.files(fmt.Sprintf("terraform_data.r[\"k%06d\"].output", n-1))
}

func layered(n int) files {
	const width = 100
	var t text
	for i := range n {
		layer, place := i/width, i%width
		if layer == 0 {
			t.block(label(i), fmt.Sprintf("\"v%06d\"", i))
			continue
		}
		input := fmt.Sprintf("v%06d", i)
		for _, step := range []int{0, 7, 31} {
			input += " ${" + ref(label((layer-1)*width+(place+step)%width), "id") + "}"
		}
		t.block(label(i), `"`+input+`"`)
	}
	return t.files(ref(label(n-1), "output"))
}

func chain(n int) files {
	var t text
	for i := range n {
		input := fmt.Sprintf("v%06d", i)
		if i > 0 {
			input += " ${" + ref(label(i-1), "id") + "}"
		}
		t.block(label(i), `"`+input+`"`)
	}
	return t.files(ref(label(n-1), "output"))
}

// tier is the module that the module shapes call: ten blocks like those of a server.
func tier() string {
	var t text
	t.WriteString("variable \"name\" { type = string }\n\nvariable \"up\" {\n  type    = string\n  default = \"\"\n}\n\n")
	id := func(names ...string) string {
		s := ""
		for _, n := range names {
			s += "${" + ref(n, "id") + "}"
		}
		return `"` + s + `"`
	}
	t.block("net", `"${var.name} ${var.up}"`)
	t.block("subnet", id("net"))
	t.block("router", id("net", "subnet"))
	t.block("sg", `"${var.name}"`)
	t.block("port", id("subnet", "sg"))
	t.block("image", `"${var.name}"`)
	t.block("volume", id("image"))
	t.block("server", id("port", "image"))
	t.block("attach", id("server", "volume"))
	t.block("fip", id("port", "router"))
	t.WriteString("output \"id\" { value = terraform_data.fip.id }\n")
	return t.String()
}

func modules(n int) files {
	var t text
	calls := n / 10
	for i := range calls {
		up := ""
		if i > 0 {
			up = fmt.Sprintf("  up     = module.g%06d.id\n", i/10)
		}
		fmt.Fprintf(&t, "module \"g%06d\" {\n  source = \"./m\"\n  name   = \"g%d\"\n%s}\n\n", i, i, up)
	}
	f := t.files(fmt.Sprintf("module.g%06d.id", calls-1))
	f["m/main.tf"] = tier()
	return f
}

func modforeach(n int) files {
	var t text
	t.keys(n / 10)
	t.WriteString("module \"g\" {\n  source   = \"./m\"\n  for_each = local.m\n  name     = each.value\n}\n\n")
	f := t.files(fmt.Sprintf("module.g[\"k%06d\"].id", n/10-1))
	f["m/main.tf"] = tier()
	return f
}

func cloud(n int) files {
	var t text
	subnets, images := max(1, n/20), max(1, n/50)
	t.block("net", `"v"`)
	for i := range subnets {
		t.block(fmt.Sprintf("subnet%05d", i), fmt.Sprintf("\"subnet%d ${terraform_data.net.id}\"", i))
	}
	for i := range images {
		t.block(fmt.Sprintf("image%05d", i), fmt.Sprintf("\"image%d\"", i))
	}
	servers := n - 1 - subnets - images
	for i := range servers {
		t.block(fmt.Sprintf("server%06d", i), fmt.Sprintf("\"v%06d ${terraform_data.net.id} ${terraform_data.subnet%05d.id} ${terraform_data.image%05d.id}\"", i, i%subnets, i%images))
	}
	return t.files(ref(fmt.Sprintf("server%06d", servers-1), "output"))
}
