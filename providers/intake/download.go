package intake

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/cairncloud/cairn/providers"
)

// A download is of one file, whose bytes so far are in NAME.part. NAME.from says
// which file that is: bytes of two are never put together.
type download struct {
	Limits
	url      *url.URL
	checksum string
	name     string

	part *os.File
	sum  hash.Hash // of the bytes so far
	at   int64     // how many there are
	of   origin
}

// An origin says which file bytes are of.
type origin struct {
	URL       string
	Validator string // a strong ETag or a date, RFC 9110 section 13.1.5; "": none
	Size      int64  // -1: not said
}

// final is an error that another try does not mend.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// enough is how much makes a try count as one that got somewhere.
const enough = 1 << 20

// run downloads until the file is whole and its checksum right.
func (d *download) run(ctx context.Context) (err error) {
	if d.part, err = os.OpenFile(d.name+".part", os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	defer func() { _ = d.part.Close() }()
	if err := d.resume(ctx); err != nil {
		return err
	}
	client := d.client()
	defer client.CloseIdleConnections()
	for failed := 0; ; {
		had := d.at
		err := d.try(ctx, client)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if failed++; d.at >= had+enough {
			failed = 1
		}
		var f final
		if errors.As(err, &f) {
			return errors.Join(fmt.Errorf("fetch %s: %w", d.url.Redacted(), f.error), d.discard())
		}
		if failed >= d.Tries {
			return fmt.Errorf("fetch %s: %d bytes, then %d tries in a row got nowhere: %w", d.url.Redacted(), d.at, failed, err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(min(d.Pause<<(failed-1), d.Idle)):
		}
	}
	algorithm, _, _ := strings.Cut(d.checksum, ":")
	if sum := algorithm + ":" + hex.EncodeToString(d.sum.Sum(nil)); sum != d.checksum {
		return errors.Join(unfit("%s hashes to %s, and %s was planned", d.url.Redacted(), sum, d.checksum), d.discard())
	}
	if err := settle(d.name+".part", d.name); err != nil {
		return err
	}
	return remove(d.name + ".from")
}

// resume takes up what an earlier call has left, when it can be told what it is.
func (d *download) resume(ctx context.Context) error {
	b, err := os.ReadFile(d.name + ".from")
	if err == nil {
		err = json.Unmarshal(b, &d.of)
	}
	if err != nil || d.of.URL != d.url.String() || d.of.Validator == "" {
		return d.restart()
	}
	d.sum = d.newSum()
	if d.at, err = io.Copy(d.sum, reader{ctx, d.part}); err != nil {
		return err
	}
	return nil
}

// restart begins with no bytes.
func (d *download) restart() error {
	d.sum, d.at, d.of = d.newSum(), 0, origin{}
	if err := remove(d.name + ".from"); err != nil {
		return err
	}
	_, err := d.part.Seek(0, io.SeekStart)
	return errors.Join(err, d.part.Truncate(0))
}

func (d *download) newSum() hash.Hash {
	if strings.HasPrefix(d.checksum, "sha512:") {
		return sha512.New()
	}
	return sha256.New()
}

// discard forgets the bytes, which are no good.
func (d *download) discard() error {
	return errors.Join(remove(d.name+".part"), remove(d.name+".from"))
}

// client follows redirects to what it would have fetched itself, and no others.
func (d *download) client() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableCompression = true // what is hashed is what is stored
	t.ResponseHeaderTimeout = d.Idle
	t.TLSHandshakeTimeout = min(d.Idle, 30*time.Second)
	t.DialContext = (&net.Dialer{Timeout: min(d.Idle, 30*time.Second)}).DialContext
	return &http.Client{Transport: t, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		switch {
		case r.URL.Scheme != "http" && r.URL.Scheme != "https":
			return final{unfit("it redirects to %s", r.URL.Redacted())}
		case len(via) > 10:
			return final{unfit("it redirects more than 10 times")}
		}
		return nil
	}}
}

// try asks for the bytes that are missing, and takes what comes.
func (d *download) try(ctx context.Context, client *http.Client) error {
	if d.at > 0 && d.of.Validator == "" { // it could be another file by now
		if err := d.restart(); err != nil {
			return final{err}
		}
	}
	if d.at > 0 && d.at == d.of.Size {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url.String(), nil)
	if err != nil {
		return final{err}
	}
	if d.at > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", d.at))
		req.Header.Set("If-Range", d.of.Validator)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if err := d.begin(resp); err != nil {
		return err
	}
	return d.body(ctx, cancel, resp.Body)
}

// begin looks at the answer: which bytes come, and of what.
func (d *download) begin(resp *http.Response) error {
	of := origin{d.url.String(), validator(resp.Header), resp.ContentLength}
	switch resp.StatusCode {
	case http.StatusOK: // all of it: the server knows no ranges, or the file has changed
		if err := d.restart(); err != nil {
			return final{err}
		}
		d.of = of
	case http.StatusPartialContent:
		from, size, err := contentRange(resp.Header.Get("Content-Range"))
		if err != nil || from != d.at || d.of.Size >= 0 && size >= 0 && size != d.of.Size || of.Validator != "" && of.Validator != d.of.Validator {
			err = fmt.Errorf("it answers with other bytes than those from %d on: %q", d.at, resp.Header.Get("Content-Range"))
			return errors.Join(err, d.restart())
		}
		d.of.Size = size
	case http.StatusRequestedRangeNotSatisfiable:
		return errors.Join(fmt.Errorf("it has no bytes from %d on any more", d.at), d.restart())
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return fmt.Errorf("it answers %s", resp.Status)
	default:
		return final{fmt.Errorf("it answers %s", resp.Status)}
	}
	if d.of.Size > d.Bytes {
		return final{d.tooLarge()}
	}
	b, err := json.Marshal(d.of)
	if err == nil {
		err = os.WriteFile(d.name+".from", b, 0o600)
	}
	if err != nil {
		return final{err}
	}
	return nil
}

func (d *download) tooLarge() error { return unfit("it has more than %d bytes", d.Bytes) }

// validator is what a later request tells by that the file is still the same.
func validator(h http.Header) string {
	if tag := h.Get("ETag"); strings.HasPrefix(tag, `"`) {
		return tag
	}
	return h.Get("Last-Modified")
}

// contentRange reads where bytes begin and of how many they are, -1 when that is
// not said.
func contentRange(text string) (from, size int64, err error) {
	span, total, ok := strings.Cut(strings.TrimPrefix(text, "bytes "), "/")
	first, _, dash := strings.Cut(span, "-")
	if !ok || !dash || !strings.HasPrefix(text, "bytes ") {
		return 0, 0, errors.New("no range")
	}
	if from, err = strconv.ParseInt(first, 10, 64); err != nil {
		return 0, 0, err
	}
	if total == "*" {
		return from, -1, nil
	}
	size, err = strconv.ParseInt(total, 10, 64)
	return from, size, err
}

// body takes bytes until they end. A server that sends none for too long is taken
// for dead.
func (d *download) body(ctx context.Context, cancel context.CancelCauseFunc, from io.Reader) error {
	dead := fmt.Errorf("nothing came for %s", d.Idle)
	timer := time.AfterFunc(d.Idle, func() { cancel(dead) })
	defer timer.Stop()
	copied := providers.NewBytes("fetching", d.of.Size)
	copied.At = d.at
	b := make([]byte, 256<<10)
	for {
		n, err := from.Read(b)
		copied.Add(ctx, n)
		timer.Reset(d.Idle)
		if d.at+int64(n) > d.Bytes {
			return final{d.tooLarge()}
		}
		if _, werr := d.part.WriteAt(b[:n], d.at); werr != nil {
			return final{werr}
		}
		_, _ = d.sum.Write(b[:n])
		d.at += int64(n)
		switch {
		case errors.Is(err, io.EOF):
			if d.of.Size >= 0 && d.at < d.of.Size {
				return io.ErrUnexpectedEOF
			}
			return nil
		case err != nil && errors.Is(context.Cause(ctx), dead):
			return dead
		case err != nil:
			return err
		}
	}
}
