package libvirt

import (
	"image/color"
	"strings"
	"testing"
)

func TestPixmap(t *testing.T) {
	t.Parallel()
	m, err := pixmap([]byte("P6\n2 1\n255\n\x01\x02\x03\n\x0b\x0c"))
	if err != nil {
		t.Fatal(err)
	}
	for x, want := range []color.RGBA{{1, 2, 3, 255}, {'\n', 11, 12, 255}} {
		if got := m.At(x, 0); got != want {
			t.Errorf("%d: %v, not %v", x, got, want)
		}
	}
	for reason, b := range map[string]string{
		"nothing": "", "no pixmap": "P5\n2 1\n255\n......", "too few": "P6\n2 1\n255\n...", "vast": "P6\n99999 99999\n255\n", "none": "P6\n0 1\n255\n", "deep": "P6\n1 1\n65535\n......",
	} {
		if _, err := pixmap([]byte(b)); err == nil {
			t.Errorf("%s was read", reason)
		}
	}
}

func FuzzPixmap(f *testing.F) {
	f.Add("P6\n2 1\n255\n......")
	f.Add(strings.Repeat("P6\n", 9))
	f.Fuzz(func(t *testing.T, b string) {
		if m, err := pixmap([]byte(b)); err == nil && 3*m.Bounds().Dx()*m.Bounds().Dy() > len(b) {
			t.Errorf("%d bytes are a picture of %v", len(b), m.Bounds())
		}
	})
}
