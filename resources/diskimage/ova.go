package diskimage

import (
	"archive/tar"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// What an OVA may take to look into.
const (
	maxMembers = 1000
	maxOVF     = 4 << 20
)

// FirstDisk finds the first disk that the description in an OVA names: the bytes of
// the archive that are its file, and what that is.
func FirstDisk(r io.ReaderAt, size int64) (*io.SectionReader, Info, error) {
	members, text, err := list(r, size)
	if err != nil {
		return nil, Info{}, err
	}
	name, err := firstDisk(text)
	if err != nil {
		return nil, Info{}, err
	}
	disk := members[name]
	if disk == nil {
		return nil, Info{}, fmt.Errorf("%w: its disk %q is not in the archive", ErrCorrupt, name)
	}
	format, err := look(disk, disk.Size())
	if err == nil && (format == OVA || format == ISO) {
		err = fmt.Errorf("%w: its disk is %s", ErrUnsupported, format)
	}
	info, err := read(format, disk, disk.Size(), err)
	return disk, info, err
}

// list finds the files of the archive, and reads the description.
func list(r io.ReaderAt, size int64) (map[string]*io.SectionReader, []byte, error) {
	file := io.NewSectionReader(r, 0, size)
	archive := tar.NewReader(file)
	members := map[string]*io.SectionReader{}
	var text []byte
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%w: its archive: %w", ErrCorrupt, err)
		}
		if len(members) == maxMembers {
			return nil, nil, fmt.Errorf("%w: an archive of more than %d files", ErrUnsupported, maxMembers)
		}
		if h.Typeflag != tar.TypeReg || sparse(h) {
			return nil, nil, fmt.Errorf("%w: %q in its archive is no plain file", ErrUnsafe, h.Name)
		}
		at, err := file.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, nil, err
		}
		name := path.Clean(h.Name)
		if members[name] != nil {
			return nil, nil, fmt.Errorf("%w: %q is twice in its archive", ErrCorrupt, name)
		}
		if at > size || h.Size > size-at {
			return nil, nil, fmt.Errorf("%w: its archive ends in %q", ErrCorrupt, name)
		}
		members[name] = io.NewSectionReader(r, at, h.Size)
		if !strings.EqualFold(path.Ext(name), ".ovf") || text != nil {
			continue
		}
		if h.Size > maxOVF {
			return nil, nil, fmt.Errorf("%w: a description of %d bytes", ErrUnsupported, h.Size)
		}
		if text, err = io.ReadAll(io.NewSectionReader(r, at, h.Size)); err != nil {
			return nil, nil, err
		}
	}
	if text == nil {
		return nil, nil, fmt.Errorf("%w: it is an archive without an .ovf", ErrUnsupported)
	}
	return members, text, nil
}

func sparse(h *tar.Header) bool {
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// firstDisk is the name of the file of the first disk that has one. Disks without
// are empty.
func firstDisk(text []byte) (string, error) {
	var ovf struct {
		Files []struct {
			ID          string `xml:"id,attr"`
			Href        string `xml:"href,attr"`
			Compression string `xml:"compression,attr"`
			Chunk       string `xml:"chunkSize,attr"`
		} `xml:"References>File"`
		Disks []struct {
			File string `xml:"fileRef,attr"`
		} `xml:"DiskSection>Disk"`
	}
	if err := xml.Unmarshal(text, &ovf); err != nil {
		return "", fmt.Errorf("%w: its description: %w", ErrCorrupt, err)
	}
	for _, d := range ovf.Disks {
		for _, f := range ovf.Files {
			switch {
			case d.File == "" || f.ID != d.File:
				continue
			case f.Href == "" || path.IsAbs(f.Href) || strings.Contains(f.Href, ":") || strings.HasPrefix(path.Clean(f.Href), ".."):
				return "", fmt.Errorf("%w: its disk is %q", ErrUnsafe, f.Href)
			case f.Compression != "" && f.Compression != "identity" || f.Chunk != "":
				return "", fmt.Errorf("%w: its disk is packed or in pieces", ErrUnsupported)
			}
			return path.Clean(f.Href), nil
		}
	}
	return "", fmt.Errorf("%w: its description names no disk", ErrUnsupported)
}
