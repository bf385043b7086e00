package resources

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/cairncloud/cairn/resources/diskimage"
	"github.com/cairncloud/cairn/resources/schema"
)

// Image is a disk that instances and volumes begin as a copy of. What it holds
// never changes: other bytes are another image.
type Image struct {
	object

	// LocalFilePath is the file that the image is made from. When its bytes change
	// later on, that is noticed by source_checksum = "sha256:${filesha256(PATH)}".
	LocalFilePath string `hcl:"local_file_path,optional"`

	// SourceURL is where the image is fetched from when it is made: http, https or
	// file. It needs source_checksum.
	SourceURL string `hcl:"source_url,optional" hot:"location"`

	// SourceChecksum is what the source must hash to: sha256:... or sha512:... in
	// hexadecimal digits. Another one makes another image.
	SourceChecksum string `hcl:"source_checksum,optional" check:"pattern=(sha256:[0-9a-fA-F]{64}|sha512:[0-9a-fA-F]{128})"`

	// DiskFormat of the source is raw, qcow2, vmdk, vdi, vhd, vhdx, iso, ova or ami.
	// What a local file is, and what the URL ends with, unless set. A source of another
	// format is refused. A vmdk has all in one file (monolithicSparse or
	// streamOptimized), a vhd or vhdx no parent; of an ova the first disk is taken; ami
	// is raw by Amazon's name; an iso is a CD. An iso that also boots as a disk may be
	// raw. All but raw, iso, ami and qcow2 need qemu-img where cairn runs.
	DiskFormat diskimage.Format `hcl:"disk_format,optional" plan:"assigned,replace"`

	// MinDiskGB is the smallest disk that the image may be put on, in GiB. It is
	// never put on one that is smaller than itself.
	MinDiskGB int `hcl:"min_disk_gb,optional" check:"min=0" hot:"min_disk"`

	// MinRAMMB is the least memory of an instance with the image, in MiB.
	MinRAMMB int `hcl:"min_ram_mb,optional" check:"min=0" hot:"min_ram"`

	// Visibility says who may use it: private (its project), public (everybody),
	// shared or community.
	Visibility Visibility `hcl:"visibility,optional" default:"private"`

	// Properties say more of the guest inside, in Glance's words.
	Properties map[string]string `hcl:"properties,optional"`

	// Checksum is the source's hash.
	Checksum string `hcl:"checksum" plan:"assigned"`

	// SizeBytes is how large the source is.
	SizeBytes int `hcl:"size_bytes" plan:"computed"`

	// VirtualSize is how large the disk is, in bytes.
	VirtualSize int `hcl:"virtual_size" plan:"computed"`
}

// Visibility says who may use an image.
type Visibility string

// Values lists them, as Glance has them.
func (Visibility) Values() []string { return []string{"private", "public", "shared", "community"} }

// Check reports sources that can't be.
func (i *Image) Check() error {
	wrong := func(attribute, summary, detail string) error {
		return schema.Problem{Code: "CRN-IMG-1", Attribute: attribute, Summary: summary, Detail: detail}
	}
	switch {
	case i.LocalFilePath == "" && i.SourceURL == "":
		return wrong("", "The image has no source", "Set local_file_path or source_url.")
	case i.LocalFilePath != "" && i.SourceURL != "":
		return wrong("source_url", "The image has two sources", "Leave only one of local_file_path and source_url.")
	case i.SourceURL == "":
		return nil
	}
	scheme, _, _ := strings.Cut(i.SourceURL, "://")
	switch {
	case scheme != "http" && scheme != "https" && scheme != "file":
		return wrong("source_url", "The image can't be fetched from there", "It is a URL that begins with https://, http:// or file://.")
	case i.SourceChecksum == "":
		return wrong("source_checksum", "Nobody would notice other bytes at the URL", "Set source_checksum to what the file hashes to, such as sha256:...: whoever offers the image says it beside it.")
	case i.DiskFormat == "" && formatOf(i.SourceURL) == "":
		return wrong("disk_format", "The format of the image is not known", "A URL is not fetched while planning, and its name does not say it. Set disk_format: "+strings.Join(diskimage.Raw.Values(), ", ")+".")
	}
	return nil
}

// formatOf guesses a format from the end of a name. What ends with .img may be any.
func formatOf(source string) diskimage.Format {
	u, err := url.Parse(source)
	if err != nil {
		return ""
	}
	ending := strings.TrimPrefix(strings.ToLower(path.Ext(u.Path)), ".")
	if slices.Contains(diskimage.Raw.Values(), ending) {
		return diskimage.Format(ending)
	}
	return ""
}

// Fingerprint is the hash of the local file: the same path may hold other bytes.
// What can be no image is not hashed: it may be terabytes of nothing.
func (i *Image) Fingerprint() (string, error) {
	if i.LocalFilePath == "" {
		return "", nil
	}
	if _, err := i.probe("local_file_path"); err != nil {
		return "", err
	}
	sum, err := hashFile(i.LocalFilePath)
	if err != nil {
		return "", schema.Problem{Code: "CRN-IMG-1", Attribute: "local_file_path", Summary: "The image's file can't be read", Detail: err.Error() + "."}
	}
	return sum, nil
}

// Replaces reports other bytes: of the file, or by another checksum. Where the
// same bytes come from makes no other image.
func (i *Image) Replaces(prior any) []string {
	was := prior.(*Image)
	switch {
	case i.SourceChecksum != "" && !strings.EqualFold(i.SourceChecksum, was.SourceChecksum) && !strings.EqualFold(i.SourceChecksum, was.Checksum):
		return []string{"source_checksum"}
	case i.LocalFilePath != "" && strings.HasPrefix(was.Checksum, "sha256:"):
		if sum, err := hashFile(i.LocalFilePath); err == nil && sum != was.Checksum {
			return []string{"local_file_path"}
		}
	}
	return nil
}

// Claims probes and hashes a local file.
func (i *Image) Claims(w schema.World, l schema.Ledger) error {
	if err := i.claim(w, l, "image", "images"); err != nil {
		return err
	}
	if i.SourceURL != "" {
		i.Checksum = strings.ToLower(i.SourceChecksum)
		if i.DiskFormat == "" {
			i.DiskFormat = formatOf(i.SourceURL)
		}
		if _, err := os.Stat(i.localPath()); err != nil || i.VirtualSize > 0 { // it is fetched later, or was
			return nil
		}
		return i.inspect("source_url")
	}
	if i.Checksum != "" { // the bytes were taken when the image was made
		return nil
	}
	if err := i.inspect("local_file_path"); err != nil {
		return err
	}
	sum, err := i.Fingerprint()
	i.Checksum = sum
	return err
}

// MaxImageGB is the largest disk that an image may describe, in GiB: a few
// kilobytes can describe more than any host has.
const MaxImageGB = 2 << 10

// probe looks into the file that is on this machine, and reports what can be no image.
func (i *Image) probe(attribute string) (diskimage.Info, error) {
	file := i.localPath()
	wrong := func(summary, detail string) error {
		return schema.Problem{Code: "CRN-IMG-1", Attribute: attribute, Summary: summary, Detail: detail}
	}
	info, err := probeFile(file)
	switch {
	case errors.Is(err, diskimage.ErrUnsafe):
		return info, schema.Problem{Code: "CRN-IMG-UNSAFE", Attribute: attribute, Summary: "The image refers to another file", Detail: fmt.Sprintf("%s: %s. A guest could read files of the host by it. Flatten it: qemu-img convert -O qcow2 OLD NEW.", file, err)}
	case errors.Is(err, diskimage.ErrCorrupt):
		return info, wrong("The image is damaged", fmt.Sprintf("%s: %s. It may have been cut short: get it again from who made it.", file, err))
	case errors.Is(err, diskimage.ErrUnsupported):
		return info, wrong("The image can't be read", fmt.Sprintf("%s: %s. Unpack it, or write it anew: qemu-img convert -O qcow2 OLD NEW.", file, err))
	case err != nil:
		return info, wrong("The image can't be read", fmt.Sprintf("%s: %s.", file, err))
	case info.VirtualSize > MaxImageGB<<30:
		return info, wrong("The image's disk is too large", fmt.Sprintf("%s describes a disk of %d GiB, and an image has at most %d. Make it smaller where it was made, such as with qemu-img resize --shrink, or use a volume.", file, gibs(info.VirtualSize), MaxImageGB))
	}
	return info, nil
}

// inspect reports what is wrong with the file that is on this machine.
func (i *Image) inspect(attribute string) error {
	file := i.localPath()
	wrong := func(attribute, summary, detail string) error {
		return schema.Problem{Code: "CRN-IMG-1", Attribute: attribute, Summary: summary, Detail: detail}
	}
	info, err := i.probe(attribute)
	if err != nil {
		return err
	}
	if i.DiskFormat != "" && !i.DiskFormat.Fits(info.Format) {
		return wrong("disk_format", fmt.Sprintf("The image is not %s", i.DiskFormat), fmt.Sprintf("%s is %s. Say so, or leave disk_format out.", file, info.Format))
	}
	if i.DiskFormat == "" {
		i.DiskFormat = info.Format
	}
	if i.SourceChecksum == "" {
		return nil
	}
	sum, err := HashFile(file, i.SourceChecksum)
	switch {
	case err != nil:
		return wrong(attribute, "The image can't be read", fmt.Sprintf("%s: %s.", file, err))
	case !strings.EqualFold(sum, i.SourceChecksum):
		return wrong("source_checksum", "The file holds other bytes", fmt.Sprintf("%s hashes to %s. Get the right file, or the right checksum.", file, sum))
	}
	return nil
}

// localPath is the source's file on this machine, or empty.
func (i *Image) localPath() string {
	if u, err := url.Parse(i.SourceURL); err == nil && u.Scheme == "file" {
		return u.Path
	}
	return i.LocalFilePath
}

// LeastDiskGB is the smallest disk in GiB that the image fits on, as far as that
// is known before it is fetched.
func (i *Image) LeastDiskGB() int {
	virtual := int64(i.VirtualSize)
	if virtual == 0 && i.localPath() != "" {
		if info, err := probeFile(i.localPath()); err == nil {
			virtual = info.VirtualSize
		}
	}
	return max(i.MinDiskGB, gibs(virtual))
}

// gibs is how many GiB have room for so many bytes.
func gibs(n int64) int { return int((n + 1<<30 - 1) >> 30) }
