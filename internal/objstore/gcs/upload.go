package gcs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

// quantum is what the length of every part but the last is a multiple of, by the protocol.
const quantum = 256 << 10

// cancelled is Google's status for an upload that was cancelled.
const cancelled = 499

// upload is a resumable upload. Its session is an address to which the parts are sent one after the other.
type upload struct {
	*protocol
	session string
	parts   int    // that were sent
	sent    int64  // bytes of them
	crc     uint32 // of them
	last    []byte // a part that is sent with the end
	unsure  bool   // the answer to a part was lost
	whole   bool   // the server has made an object of it
}

// Begin implements remote.Protocol.
func (p *protocol) Begin(ctx context.Context, key, token string) (remote.Upload, error) {
	meta, err := json.Marshal(described(key, token, ""))
	if err != nil {
		return nil, err
	}
	query := url.Values{"uploadType": {"resumable"}, "ifGenerationMatch": {absent}, "fields": {"generation"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url("/upload", "", query), bytes.NewReader(meta))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json; charset=UTF-8")
	a, err := remote.Send(p.client, r, refusal, http.StatusOK, http.StatusCreated)
	if err != nil {
		return nil, ofBucket(err)
	}
	session := a.Header.Get("Location")
	if session == "" {
		return nil, fmt.Errorf("the answer does not say where to send the parts")
	}
	return &upload{protocol: p, session: session}, a.Body.Close()
}

// Part implements remote.Upload. A part that is not a multiple of the quantum is the last, and sent by Complete.
func (u *upload) Part(ctx context.Context, number int, data []byte) error {
	if len(data)%quantum != 0 {
		u.last = data
		return nil
	}
	if err := u.send(ctx, data, "*"); err != nil {
		return err
	}
	u.sent, u.crc, u.parts = u.sent+int64(len(data)), crc32.Update(u.crc, castagnoli, data), number
	return nil
}

// Complete implements remote.Upload.
func (u *upload) Complete(ctx context.Context, parts int) error {
	if len(u.last) > 0 {
		parts--
	}
	if u.parts != parts {
		return fmt.Errorf("%d of %d parts were sent", u.parts, parts)
	}
	err := u.send(ctx, u.last, strconv.FormatInt(u.sent+int64(len(u.last)), 10))
	if err == nil && !u.whole {
		err = fmt.Errorf("the server has not made an object of the parts")
	}
	return err
}

// send sends bytes that follow those that were sent before, until the server has all of them. After a lost answer it
// asks how many there are. A total makes an object of them.
func (u *upload) send(ctx context.Context, data []byte, total string) (err error) {
	from, end := u.sent, u.sent+int64(len(data))
	if u.unsure {
		from, err = u.put(ctx, "bytes */*", nil)
	}
	for err == nil && !u.whole && (from < end || total != "*") {
		if from < u.sent || from > end {
			return fmt.Errorf("the server has %d bytes of this upload, not %d to %d", from, u.sent, end)
		}
		var has int64
		has, err = u.put(ctx, contentRange(from, end, total), data[from-u.sent:])
		if err == nil && !u.whole && has <= from {
			return fmt.Errorf("the server has %d bytes of this upload and takes no more", has)
		}
		from = has
	}
	return err
}

func contentRange(from, end int64, total string) string {
	if from == end {
		return "bytes */" + total
	}
	return fmt.Sprintf("bytes %d-%d/%s", from, end-1, total)
}

// put sends a request to the session and returns how many bytes the server has.
func (u *upload) put(ctx context.Context, span string, data []byte) (int64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, u.session, bytes.NewReader(data))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Range", span)
	if !strings.HasSuffix(span, "*") {
		r.Header.Set("X-Goog-Hash", "crc32c="+written(crc32.Update(u.crc, castagnoli, u.last)))
	}
	u.unsure = true
	a, err := remote.Send(u.client, r, refusal, http.StatusOK, http.StatusCreated, http.StatusPermanentRedirect)
	if err != nil {
		return 0, err
	}
	defer a.Body.Close()
	u.unsure = false
	if a.StatusCode != http.StatusPermanentRedirect {
		u.whole = true
		return u.sent + int64(len(data)), nil
	}
	has := a.Header.Get("Range")
	if has == "" {
		return 0, nil
	}
	last, err := strconv.ParseInt(strings.TrimPrefix(has, "bytes=0-"), 10, 62)
	if err != nil {
		return 0, fmt.Errorf("the answer has a range of %q", has)
	}
	return last + 1, nil
}

// Abort implements remote.Upload.
func (u *upload) Abort(ctx context.Context) error {
	a, err := u.protocol.send(ctx, http.MethodDelete, u.session, nil, cancelled, http.StatusNoContent, http.StatusOK)
	if err != nil {
		return err
	}
	return a.Body.Close()
}

// Unfinished implements remote.Protocol. Uploads vanish a week after they were begun.
func (p *protocol) Unfinished(context.Context, string, string) ([]remote.Unfinished, string, error) {
	return nil, "", nil
}
