package libvirt

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/cairncloud/cairn/resources"
)

// file is where an image is in the cloud's folder, as a qcow2 of its own.
func (d *Driver) file(image string) string { return filepath.Join(d.folder, image+".qcow2") }

// fetch makes sure that an image is in the folder, and fills in its sizes.
func (d *Driver) fetch(ctx context.Context, i *resources.Image) error {
	to := d.file(i.ID)
	if _, err := os.Stat(to); err != nil {
		if err := os.MkdirAll(d.folder, 0o700); err != nil {
			return err
		}
		out, err := exec.CommandContext(ctx, "qemu-img", "convert", "-c", "-O", "qcow2", "-f", string(i.DiskFormat), i.LocalFilePath, to+".new").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		if err := os.Rename(to+".new", to); err != nil {
			return err
		}
	}
	out, err := exec.CommandContext(ctx, "qemu-img", "info", "--output=json", to).Output()
	if err != nil {
		return err
	}
	var info struct {
		Virtual int `json:"virtual-size"`
	}
	if err := json.Unmarshal(out, &info); err != nil {
		return err
	}
	i.VirtualSize = info.Virtual
	if s, err := os.Stat(i.LocalFilePath); err == nil {
		i.SizeBytes = int(s.Size())
	}
	return nil
}
