package libvirt

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"

	golibvirt "github.com/digitalocean/go-libvirt"
)

// mostScreen bounds a picture of a screen, in bytes and in pixels on a side.
const (
	mostScreen = 128 << 20
	mostSide   = 16384
)

// screenshot writes what is on the guest's screen into a PNG file.
func (d *Driver) screenshot(t task) error {
	if !t.m.running() {
		return errors.New("it is off")
	}
	var took *capped
	err := t.m.do(t.ctx, func(c *golibvirt.Libvirt) error {
		took = &capped{most: mostScreen}
		_, err := c.DomainScreenshot(t.m.dom, took, 0, 0)
		if _, said := err.(golibvirt.Error); err != nil && !said && took.Len() > 0 {
			return nil // the library reads the reply, the picture's type, out of the stream's end
		}
		return err
	})
	if err != nil {
		return err
	}
	picture := took.Bytes()
	if !bytes.HasPrefix(picture, []byte("\x89PNG")) {
		screen, err := pixmap(picture)
		if err != nil {
			return fmt.Errorf("the picture of its screen: %w", err)
		}
		var b bytes.Buffer
		if err := png.Encode(&b, screen); err != nil {
			return err
		}
		picture = b.Bytes()
	}
	f, err := os.OpenFile(t.words["file"], os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(picture)
	return errors.Join(err, f.Close())
}

// capped takes so many bytes and no more.
type capped struct {
	bytes.Buffer
	most int
}

func (c *capped) Write(p []byte) (int, error) {
	if c.Len()+len(p) > c.most {
		return 0, fmt.Errorf("more than %d bytes", c.most)
	}
	return c.Buffer.Write(p)
}

// pixmap reads a portable pixmap of colours, as QEMU writes one (netpbm's format P6).
func pixmap(b []byte) (image.Image, error) {
	r := bufio.NewReader(bytes.NewReader(b))
	var wide, high, most int
	if _, err := fmt.Fscanf(r, "P6\n%d %d\n%d", &wide, &high, &most); err != nil {
		return nil, errors.New("it is neither PNG nor a pixmap")
	}
	if wide < 1 || high < 1 || wide > mostSide || high > mostSide || most != 255 {
		return nil, fmt.Errorf("a pixmap of %d by %d, to %d", wide, high, most)
	}
	if _, err := r.Discard(1); err != nil { // the line's end
		return nil, err
	}
	if need := 3 * wide * high; len(b) < need {
		return nil, io.ErrUnexpectedEOF
	}
	m := image.NewRGBA(image.Rect(0, 0, wide, high))
	row := make([]byte, 3*wide)
	for y := range high {
		if _, err := io.ReadFull(r, row); err != nil {
			return nil, err
		}
		for x := range wide {
			m.SetRGBA(x, y, color.RGBA{row[3*x], row[3*x+1], row[3*x+2], 255})
		}
	}
	return m, nil
}
