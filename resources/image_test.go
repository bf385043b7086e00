package resources_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/diskimage"
)

// What a name says of its format, and what it doesn't.
func TestFormatOfURL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason, url string
		known       bool
	}{
		{"by its ending", "https://example.org/disk.vmdk", true},
		{"in capitals", "https://example.org/DISK.VHDX", true},
		{"before a question", "https://example.org/disk.ova?token=a.b", true},
		{"a CD", "https://example.org/install.iso", true},
		{".img may be any", "https://example.org/disk.img", false},
		{"a question has no ending", "https://example.org/disk?name=x.qcow2", false},
		{"a host has none", "https://example.raw", false},
		{"what is packed is no image", "https://example.org/disk.raw.xz", false},
	} {
		i := resources.Image{SourceURL: c.url, SourceChecksum: "sha256:" + strings.Repeat("0", 64)}
		if err := i.Check(); (err == nil) != c.known {
			t.Errorf("%s: %v", c.reason, err)
		}
	}
}

// A file on this machine is looked into while planning, by whatever name it goes.
func TestLocalImages(t *testing.T) {
	t.Parallel()
	const zeros = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
	for _, c := range []struct {
		reason, file, image string
		format              diskimage.Format
		says                string // "": it is fine
	}{
		{"raw is what is nothing else", "hello", `local_file_path = "FILE"`, diskimage.Raw, ""},
		{"ami is raw by another name", "hello", `local_file_path = "FILE"
  disk_format = "ami"`, diskimage.AMI, ""},
		{"an iso is found to be one", cd, `local_file_path = "FILE"`, diskimage.ISO, ""},
		{"an iso may boot as a disk", cd, `local_file_path = "FILE"
  disk_format = "raw"`, diskimage.Raw, ""},
		{"a disk is no iso", "hello", `local_file_path = "FILE"
  disk_format = "iso"`, "", "The image is not iso"},
		{"a CD is no ami", cd, `local_file_path = "FILE"
  disk_format = "ami"`, "", "The image is not ami"},
		{"a URL of this machine with other bytes", "hello", `source_url = "file://FILE"
  disk_format = "raw"
  source_checksum = "` + zeros + `"`, "", "The file holds other bytes"},
		{"a URL of this machine with another format", cd, `source_url = "file://FILE"
  disk_format = "qcow2"
  source_checksum = "` + zeros + `"`, "", "The image is not qcow2"},
		{"a URL of this machine that refers to another file", "# Disk DescriptorFile\n", `source_url = "file://FILE"
  disk_format = "vmdk"
  source_checksum = "` + zeros + `"`, "", "The image refers to another file"},
		{"a URL of this machine that will be there when it is fetched", "hello", `source_url = "file://FILE.later"
  disk_format = "raw"
  source_checksum = "` + zeros + `"`, diskimage.Raw, ""},
		{"packed", "\x1f\x8b\x08\x00packed", `local_file_path = "FILE"`, "", "Unpack it"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			file := filepath.Join(s.dir, "image")
			if err := os.WriteFile(file, []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
			plan, diags := s.plan("resource \"image\" \"i\" {\n  "+strings.ReplaceAll(c.image, "FILE", file)+"\n}", planner.Options{})
			if c.says != "" {
				if !diags.HasErrors() || !strings.Contains(diagsText(diags), c.says) {
					t.Errorf("no %q in:\n%s", c.says, diagsText(diags))
				}
				return
			}
			if diags.HasErrors() {
				t.Fatal(diagsText(diags))
			}
			if got := plan.Changes[0].Planned.GetAttr("disk_format").AsString(); got != string(c.format) {
				t.Errorf("it is %s, want %s", got, c.format)
			}
		})
	}
}

// cd is a CD of nothing.
var cd = strings.Repeat("\x00", 32769) + "CD001" + strings.Repeat("\x00", 2048)

// A file of a few bytes can describe more than fits.
func TestImageTooLarge(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	file := filepath.Join(s.dir, "large.raw")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, resources.MaxImageGB<<30+1); err != nil {
		t.Skipf("no file of 2 TiB with a hole can be made here: %v", err)
	}
	_, diags := s.plan(`resource "image" "i" { local_file_path = "`+file+`" }`, planner.Options{})
	if !strings.Contains(diagsText(diags), "an image has at most 2048") {
		t.Error(diagsText(diags))
	}
}
