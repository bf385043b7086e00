package providers

import (
	"context"
	"fmt"
	"io"
	"time"
)

type listenerKey struct{}

// Hearing gives a call somebody who hears how far it has come.
func Hearing(ctx context.Context, hear func(text string)) context.Context {
	return context.WithValue(ctx, listenerKey{}, hear)
}

// Tell says how far a call has come that takes long, in a few words for people.
func Tell(ctx context.Context, format string, args ...any) {
	if hear, ok := ctx.Value(listenerKey{}).(func(string)); ok {
		hear(fmt.Sprintf(format, args...))
	}
}

// Often is how often a call tells how far it has come.
const Often = 5 * time.Second

// Telling tells how much of so many bytes has been read; size -1: nobody knows of how
// many.
func Telling(ctx context.Context, doing string, size int64, from io.ReadSeeker) io.ReadSeeker {
	return &telling{ReadSeeker: from, ctx: ctx, bytes: NewBytes(doing, size)}
}

type telling struct {
	io.ReadSeeker
	ctx   context.Context
	bytes *Bytes
}

func (t *telling) Read(b []byte) (int, error) {
	n, err := t.ReadSeeker.Read(b)
	t.bytes.Add(t.ctx, n)
	return n, err
}

func (t *telling) Seek(to int64, whence int) (int64, error) {
	at, err := t.ReadSeeker.Seek(to, whence)
	t.bytes.At = at
	return at, err
}

// Bytes are those of one copy, told of now and then.
type Bytes struct {
	At     int64
	doing  string
	of     int64
	spoken time.Time
}

// NewBytes begins a copy of so many bytes; -1: nobody knows of how many.
func NewBytes(doing string, of int64) *Bytes {
	return &Bytes{doing: doing, of: of, spoken: time.Now()}
}

// Add counts bytes that were copied.
func (b *Bytes) Add(ctx context.Context, n int) {
	b.At += int64(n)
	if time.Since(b.spoken) < Often {
		return
	}
	b.spoken = time.Now()
	const mib = 1 << 20
	if b.of < 0 {
		Tell(ctx, "%s, %d MiB so far", b.doing, b.At/mib)
		return
	}
	Tell(ctx, "%s, %d of %d MiB", b.doing, b.At/mib, b.of/mib)
}
