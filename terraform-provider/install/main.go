// Command install builds the Terraform provider and puts it where `terraform init`
// and `tofu init` look before they ask a registry. It asks each engine what the
// provider is called there: no registry is named here.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

const (
	source  = "cairncloud/cairn"
	program = "terraform-provider-cairn"
	code    = "./terraform-provider"
	// version is the variable that the linker sets.
	version = "github.com/cairncloud/cairn/terraform-provider/provider.Version"
)

// engines may run the provider; each has a file of its own for its settings.
var engines = []struct{ name, settings string }{{"terraform", ".terraformrc"}, {"tofu", ".tofurc"}}

func main() {
	v := flag.String("version", "", "version to install (else by the last tag: see describe)")
	flag.Parse()
	if err := run(os.Stdout, *v); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(out io.Writer, v string) error {
	if v == "" {
		text, _ := exec.Command("git", "describe", "--tags", "--long", "--match", "v[0-9]*").Output()
		count, _ := exec.Command("git", "rev-list", "--count", "HEAD").Output()
		v = describe(string(text), string(count))
	}
	if !release.MatchString(v) {
		return fmt.Errorf("%q is no version such as 1.2.3: terraform init takes nothing else unless it is asked to", v)
	}
	var found []installed
	for _, e := range engines {
		path, err := exec.LookPath(e.name)
		if errors.Is(err, exec.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		i, err := ask(path)
		if err != nil {
			return fmt.Errorf("ask %s where it looks for the provider: %w", e.name, err)
		}
		i.name, i.settings = e.name, e.settings
		found = append(found, i)
	}
	if found == nil {
		return errors.New("neither terraform nor tofu is on PATH, so nobody says where the provider would be looked for")
	}
	plugins, err := pluginFolder()
	if err != nil {
		return err
	}
	built := map[string]bool{}
	for _, i := range found {
		dir := filepath.Join(plugins, filepath.FromSlash(i.provider), v, i.platform)
		if !built[dir] {
			if err := build(dir, v, i.platform); err != nil {
				return err
			}
			built[dir] = true
		}
		fmt.Fprintf(out, help, i.name, i.version, source, v, dir, i.name, i.settings, source, dir)
	}
	return nil
}

const help = `%s %s finds %s %s in
  %s
A folder that was initialised with another build of this version complains of a
checksum: remove its .terraform.lock.hcl and run "%s init" again.

To use a build without "init", have the engine's settings (%s in your home
folder, or the file that TF_CLI_CONFIG_FILE names) say

provider_installation {
  dev_overrides {
    %q = %q
  }
  direct {}
}

`

// release is a version that init takes without being asked to: one with a suffix,
// such as 1.2.3-dev, it passes over.
var release = regexp.MustCompile(`^\d+\.\d+\.\d+$`)

// describe makes a version of what git says: the last tag, with the commits since
// then added to its last number; 0.0.N after N commits without a tag. Two commits
// never share a version, and the newer one is the higher one.
func describe(long, count string) string {
	m := regexp.MustCompile(`^v(\d+)\.(\d+)\.(\d+)\S*-(\d+)-g[0-9a-f]+\s*$`).FindStringSubmatch(long)
	if m == nil {
		if n, err := strconv.Atoi(strings.TrimSpace(count)); err == nil {
			return fmt.Sprintf("0.0.%d", n)
		}
		return "0.0.1" // no git here
	}
	patch, _ := strconv.Atoi(m[3]) // digits
	since, _ := strconv.Atoi(m[4])
	return fmt.Sprintf("%s.%s.%d", m[1], m[2], patch+since)
}

// An installed is an engine, and what the provider is to it.
type installed struct {
	name, settings, version string
	provider                string // HOST/NAMESPACE/TYPE
	platform                string // OS_ARCH
}

const question = `terraform {
  required_providers {
    cairn = {
      source = "` + source + `"
    }
  }
}
`

// ask has an engine say what the provider's whole name is, and for which platform
// it wants it.
func ask(engine string) (i installed, err error) {
	dir, err := os.MkdirTemp("", "cairn-install")
	if err != nil {
		return i, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	settings := filepath.Join(dir, "settings.tfrc")
	for path, text := range map[string]string{filepath.Join(dir, "main.tf"): question, settings: "disable_checkpoint = true\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return i, err
		}
	}
	call := func(args ...string) ([]byte, error) {
		c := exec.Command(engine, args...)
		c.Dir, c.Env = dir, append(os.Environ(), "TF_CLI_CONFIG_FILE="+settings)
		text, err := c.Output()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return text, err
	}
	text, err := call("providers", "-no-color")
	if err != nil {
		return i, err
	}
	m := regexp.MustCompile(`provider\[(\S+/` + source + `)\]`).FindSubmatch(text)
	if m == nil {
		return i, fmt.Errorf("it does not name %s in %q", source, text)
	}
	i.provider = string(m[1])
	if text, err = call("version", "-json"); err != nil {
		return i, err
	}
	var says struct {
		Version  string `json:"terraform_version"`
		Platform string `json:"platform"`
	}
	if err := json.Unmarshal(text, &says); err != nil {
		return i, err
	}
	if i.version, i.platform = says.Version, says.Platform; strings.Count(i.platform, "_") != 1 {
		return i, fmt.Errorf("its platform is %q", i.platform)
	}
	return i, nil
}

// pluginFolder is what both engines search first.
func pluginFolder() (string, error) {
	if runtime.GOOS == "windows" {
		dir, err := os.UserConfigDir()
		return filepath.Join(dir, "terraform.d", "plugins"), err
	}
	dir, err := os.UserHomeDir()
	return filepath.Join(dir, ".terraform.d", "plugins"), err
}

// build builds the provider beside its place and moves it there: one that is
// running is not written into. It shares what other builds and tests have compiled.
func build(dir, v, platform string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	system, arch, _ := strings.Cut(platform, "_")
	name := program + "_v" + v
	if system == "windows" {
		name += ".exe"
	}
	fresh := filepath.Join(dir, ".new")
	c := exec.Command("go", "build", "-ldflags", "-s -w -X "+version+"="+v, "-o", fresh, code)
	c.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+arch)
	c.Stderr = os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("build the provider: %w", err)
	}
	return os.Rename(fresh, filepath.Join(dir, name))
}
