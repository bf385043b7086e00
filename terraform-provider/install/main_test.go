package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cairncloud/cairn/resources/examples"
)

func TestDescribe(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ reason, long, count, want string }{
		{"a tag is its version", "v1.2.3-0-g76f3f38\n", "90\n", "1.2.3"},
		{"commits since the tag count, so that two builds differ", "v1.2.3-4-g76f3f38\n", "94\n", "1.2.7"},
		{"init passes over suffixes, so they go", "v2.0.0-rc.1-4-g76f3f38\n", "94\n", "2.0.4"},
		{"without a tag every commit counts", "", "83\n", "0.0.83"},
		{"an archive has no git", "", "", "0.0.1"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			got := describe(c.long, c.count)
			if got != c.want {
				t.Errorf("describe(%q, %q) = %s, want %s", c.long, c.count, got, c.want)
			}
			if !release.MatchString(got) {
				t.Errorf("init would pass over %s", got)
			}
		})
	}
}

// What `make install-provider` puts into a home folder is found by init, without a
// network, and makes an example's objects.
func TestInstall(t *testing.T) {
	tried := false
	for _, e := range engines {
		if _, err := exec.LookPath(e.name); err != nil {
			t.Logf("%s is not on PATH, and is not tried", e.name)
			continue
		}
		tried = true
		t.Run(e.name, func(t *testing.T) { install(t, e.name) })
	}
	if !tried {
		t.Skip("neither terraform nor tofu is on PATH: there is nobody to install the provider for")
	}
}

func install(t *testing.T, engine string) {
	home, work := t.TempDir(), t.TempDir()
	settings := filepath.Join(home, "settings.tfrc")
	write(t, settings, "disable_checkpoint = true\n")
	for name, value := range map[string]string{
		"HOME": home, "APPDATA": home, "XDG_CONFIG_HOME": "", "XDG_DATA_HOME": "",
		"GOCACHE": goEnv(t, "GOCACHE"), "GOMODCACHE": goEnv(t, "GOMODCACHE"),
		"TF_CLI_CONFIG_FILE": settings, "TF_IN_AUTOMATION": "1", "TF_PLUGIN_CACHE_DIR": "",
		"CAIRN_KEYSET": filepath.Join(home, "keyset.json"), "CAIRN_STACK": "installed", "CAIRN_CLOUD": "",
		// Nobody is reached from here.
		"HTTPS_PROXY": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1", "NO_PROXY": "",
	} {
		t.Setenv(name, value)
	}
	var said strings.Builder
	t.Chdir(filepath.Join("..", ".."))
	if err := run(&said, "7.8.9"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{engine + " ", " finds cairncloud/cairn 7.8.9 in\n  " + home, "dev_overrides"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, said.String())
		}
	}
	example, err := examples.Files().Open(examples.Resource("cairn_network"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = example.Close() }()
	file, err := os.Create(filepath.Join(work, "main.tf"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if _, err := file.ReadFrom(example); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(work, "versions.tf"), question)

	call := func(want string, args ...string) {
		t.Helper()
		c := exec.Command(engine, append([]string{"-chdir=" + work}, args...)...)
		text, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", engine, args, err, text)
		}
		if !strings.Contains(string(text), want) {
			t.Errorf("%s %s does not say %q:\n%s", engine, args, want, text)
		}
	}
	call("Installed cairncloud/cairn v7.8.9", "init", "-no-color", "-input=false")
	call("3 to add", "plan", "-no-color", "-input=false", "-out=plan")
	call("3 added", "apply", "-no-color", "-input=false", "plan")
	call("No changes", "plan", "-no-color", "-input=false", "-detailed-exitcode")
	// The linker says nothing of a variable that it does not find.
	if v := wroteState(t, filepath.Join(work, "terraform.tfstate")); v != "7.8.9" {
		t.Errorf("the state was written by provider version %q, want 7.8.9", v)
	}
}

// wroteState is the version that the provider keeps beside the first object of a
// state.
func wroteState(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Resources []struct {
			Instances []struct{ Private []byte }
		}
	}
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	for _, r := range s.Resources {
		for _, i := range r.Instances {
			if len(i.Private) == 0 {
				continue // a data source
			}
			var private map[string][]byte
			var own struct{ Cairn string }
			if err := json.Unmarshal(i.Private, &private); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(private["cairn"], &own); err != nil {
				t.Fatal(err)
			}
			return own.Cairn
		}
	}
	t.Fatal("the state has nothing of the provider's own")
	return ""
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	text, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
