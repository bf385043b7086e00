package providers_test

import (
	"context"
	"strings"
	"testing"

	"github.com/cairncloud/cairn/providers"
)

// What a call tells is heard by whoever listens, and by nobody else.
func TestTell(t *testing.T) {
	t.Parallel()
	providers.Tell(t.Context(), "to nobody")
	var heard []string
	ctx := providers.Hearing(t.Context(), func(text string) { heard = append(heard, text) })
	providers.Tell(context.WithoutCancel(ctx), "%d of %d", 1, 3)
	if len(heard) != 1 || heard[0] != "1 of 3" {
		t.Errorf("heard %q", heard)
	}
	r := providers.Telling(ctx, "sending", 5, strings.NewReader("bytes"))
	if n, err := r.Read(make([]byte, 8)); n != 5 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if at, err := r.Seek(1, 0); at != 1 || err != nil {
		t.Errorf("%d, %v", at, err)
	}
	if len(heard) != 1 {
		t.Errorf("a moment is not worth a word: %q", heard)
	}
}
