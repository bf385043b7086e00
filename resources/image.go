package resources

import (
	"errors"
	"fmt"
	"path"
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

	// DiskFormat of the source is raw or qcow2. What the file is, unless set.
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
		return wrong("disk_format", "The format of the image is not known", "A URL is not fetched while planning, and its name does not say it. Set disk_format to raw or qcow2.")
	}
	return nil
}

// formatOf guesses a format from the end of a name.
func formatOf(url string) diskimage.Format {
	base, _, _ := strings.Cut(url, "?")
	switch path.Ext(base) {
	case ".qcow2":
		return diskimage.QCOW2
	case ".raw", ".iso":
		return diskimage.Raw
	}
	return ""
}

// Fingerprint is the hash of the local file: the same path may hold other bytes.
func (i *Image) Fingerprint() (string, error) {
	if i.LocalFilePath == "" {
		return "", nil
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
		return nil
	}
	if i.Checksum != "" { // the bytes were taken when the image was made
		return nil
	}
	info, err := probeFile(i.LocalFilePath)
	switch {
	case errors.Is(err, diskimage.ErrUnsafe):
		return schema.Problem{Code: "CRN-IMG-UNSAFE", Attribute: "local_file_path", Summary: "The image refers to another file", Detail: fmt.Sprintf("%s: %s. A guest could read files of the host by it. Flatten it: qemu-img convert -O qcow2 OLD NEW.", i.LocalFilePath, err)}
	case err != nil:
		return schema.Problem{Code: "CRN-IMG-1", Attribute: "local_file_path", Summary: "The image can't be read", Detail: fmt.Sprintf("%s: %s.", i.LocalFilePath, err)}
	case i.DiskFormat != "" && i.DiskFormat != info.Format:
		return schema.Problem{Code: "CRN-IMG-1", Attribute: "disk_format", Summary: fmt.Sprintf("The image is not %s", i.DiskFormat), Detail: fmt.Sprintf("%s is %s. Say so, or leave disk_format out.", i.LocalFilePath, info.Format)}
	}
	i.DiskFormat = info.Format
	i.Checksum, err = hashFile(i.LocalFilePath)
	if err != nil {
		return schema.Problem{Code: "CRN-IMG-1", Attribute: "local_file_path", Summary: "The image can't be read", Detail: fmt.Sprintf("%s: %s.", i.LocalFilePath, err)}
	}
	if i.SourceChecksum != "" {
		sum, err := HashFile(i.LocalFilePath, i.SourceChecksum)
		if err == nil && !strings.EqualFold(sum, i.SourceChecksum) {
			return schema.Problem{Code: "CRN-IMG-1", Attribute: "source_checksum", Summary: "The file holds other bytes", Detail: fmt.Sprintf("%s hashes to %s. Get the right file, or the right checksum.", i.LocalFilePath, sum)}
		}
	}
	return nil
}

// LeastDiskGB is the smallest disk in GiB that the image fits on, as far as that
// is known before it is fetched.
func (i *Image) LeastDiskGB() int {
	virtual := int64(i.VirtualSize)
	if virtual == 0 && i.LocalFilePath != "" {
		if info, err := probeFile(i.LocalFilePath); err == nil {
			virtual = info.VirtualSize
		}
	}
	const gib = 1 << 30
	return max(i.MinDiskGB, int((virtual+gib-1)/gib))
}
