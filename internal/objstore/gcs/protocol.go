package gcs

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

// tokenField is the field of an object's metadata that holds the random token of the request that wrote it.
const tokenField = "aquifer-write"

// absent is the generation of objects that are not there.
const absent = "0"

// protocol sends requests to a bucket.
type protocol struct {
	client   *http.Client
	endpoint string // without a slash at its end
	bucket   string
}

var _ remote.Protocol = (*protocol)(nil)

// resource describes an object.
type resource struct {
	Name       string            `json:"name,omitempty"`
	Size       int64             `json:"size,string,omitempty"`
	Generation string            `json:"generation,omitempty"`
	Updated    *time.Time        `json:"updated,omitempty"`
	Metadata   map[string]string `json:"metadata,omitempty"`
	CRC32C     string            `json:"crc32c,omitempty"`
}

// url is the address of the bucket's objects, or of one of them.
func (p *protocol) url(service, key string, query url.Values) string {
	address := p.endpoint + service + "/storage/v1/b/" + p.bucket + "/o"
	if key != "" {
		address += "/" + url.PathEscape(key)
	}
	return address + "?" + query.Encode()
}

// send sends a request without a body.
func (p *protocol) send(
	ctx context.Context, method, address string, fields map[string]string, statuses ...int,
) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return nil, err
	}
	for name, value := range fields {
		r.Header.Set(name, value)
	}
	return remote.Send(p.client, r, refusal, statuses...)
}

// read decodes an answer.
func read(a *http.Response, into any) error {
	defer a.Body.Close()
	data, err := io.ReadAll(a.Body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("the answer is not what Google promises: %w", err)
	}
	return nil
}

// Get implements remote.Protocol.
func (p *protocol) Get(ctx context.Context, key string, part remote.Part) (remote.Answer, error) {
	query, fields := url.Values{"alt": {"media"}}, map[string]string{}
	if part.Version != "" {
		query.Set("ifGenerationMatch", string(part.Version))
	}
	if part.Len > 0 {
		fields["Range"] = fmt.Sprintf("bytes=%d-%d", part.Off, part.Off+part.Len-1)
	}
	a, err := p.send(ctx, http.MethodGet, p.url("", key, query), fields, http.StatusOK, http.StatusPartialContent)
	if err != nil {
		return remote.Answer{}, err
	}
	return remote.Answer{
		Body: a.Body, Size: a.ContentLength, Partial: a.StatusCode == http.StatusPartialContent,
		Version: objstore.Version(a.Header.Get("X-Goog-Generation")),
	}, nil
}

// Head implements remote.Protocol.
func (p *protocol) Head(ctx context.Context, key string) (remote.Head, error) {
	query := url.Values{"fields": {"size,generation,updated,metadata"}}
	a, err := p.send(ctx, http.MethodGet, p.url("", key, query), nil, http.StatusOK)
	if err != nil {
		return remote.Head{}, err
	}
	var o resource
	if err := read(a, &o); err != nil {
		return remote.Head{}, err
	}
	h := remote.Head{Size: o.Size, Version: objstore.Version(o.Generation), Token: o.Metadata[tokenField]}
	now, err := http.ParseTime(a.Header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	if o.Updated != nil {
		h.Age = now.Sub(*o.Updated)
	}
	return h, nil
}

// Put implements remote.Protocol.
func (p *protocol) Put(
	ctx context.Context, key string, old objstore.Version, token string, data []byte,
) (objstore.Version, error) {
	generation := string(old)
	if old == "" {
		generation = absent
	} else if _, err := strconv.ParseUint(generation, 10, 63); err != nil || generation == absent {
		return "", &remote.Refused{Status: http.StatusPreconditionFailed, Message: "not a generation"}
	}
	body, contentType, err := related(described(key, token, checksum(data)), data)
	if err != nil {
		return "", err
	}
	query := url.Values{"uploadType": {"multipart"}, "ifGenerationMatch": {generation}, "fields": {"generation"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url("/upload", "", query), body)
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", contentType)
	a, err := remote.Send(p.client, r, refusal, http.StatusOK)
	if err != nil && old == "" {
		err = ofBucket(err)
	}
	if err != nil {
		return "", err
	}
	var o resource
	err = read(a, &o)
	return objstore.Version(o.Generation), err
}

// Delete implements remote.Protocol.
func (p *protocol) Delete(ctx context.Context, key string) error {
	a, err := p.send(ctx, http.MethodDelete, p.url("", key, nil), nil, http.StatusNoContent, http.StatusOK)
	if err != nil {
		return err
	}
	return a.Body.Close()
}

// List implements remote.Protocol.
func (p *protocol) List(ctx context.Context, prefix, from string) (remote.Page, error) {
	query := url.Values{"prefix": {prefix}, "fields": {"items(name,size),nextPageToken"}}
	if from != "" {
		query.Set("pageToken", from)
	}
	a, err := p.send(ctx, http.MethodGet, p.url("", "", query), nil, http.StatusOK)
	if err != nil {
		return remote.Page{}, ofBucket(err)
	}
	var list struct {
		Items         []resource
		NextPageToken string
	}
	if err := read(a, &list); err != nil {
		return remote.Page{}, err
	}
	page := remote.Page{Next: list.NextPageToken}
	for _, o := range list.Items {
		page.Objects = append(page.Objects, objstore.Object{Name: o.Name, Size: o.Size})
	}
	return page, nil
}
