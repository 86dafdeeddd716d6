package azure

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

// version is the version of the interface.
const version = "2021-12-02"

// tokenField is the field of an object's metadata that holds the random token of the request that wrote it.
const tokenField = "x-ms-meta-aquiferwrite"

// protocol sends requests to a container.
type protocol struct {
	client    *http.Client
	container string // its address
}

var _ remote.Protocol = (*protocol)(nil)

// fields are those of a request.
type fields map[string]string

// send sends a request about an object, or about the container if the key is empty.
func (p *protocol) send(
	ctx context.Context, method, key string, query url.Values, f fields, data []byte, statuses ...int,
) (*http.Response, error) {
	address := p.container
	if key != "" {
		address += "/" + key // names of objects need no escapes
	}
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	r.Header.Set("x-ms-version", version)
	for name, value := range f {
		r.Header.Set(name, value)
	}
	if len(data) > 0 { // the server checks it
		sum := md5.Sum(data)
		r.Header.Set("Content-MD5", base64.StdEncoding.EncodeToString(sum[:]))
	}
	return remote.Send(p.client, r, refusal, statuses...)
}

// Get implements remote.Protocol.
func (p *protocol) Get(ctx context.Context, key string, part remote.Part) (remote.Answer, error) {
	f := fields{}
	if part.Len > 0 {
		f["x-ms-range"] = fmt.Sprintf("bytes=%d-%d", part.Off, part.Off+part.Len-1)
	}
	if part.Version != "" {
		f["If-Match"] = string(part.Version)
	}
	a, err := p.send(ctx, http.MethodGet, key, nil, f, nil, http.StatusOK, http.StatusPartialContent)
	if err != nil {
		return remote.Answer{}, err
	}
	return remote.Answer{
		Body: a.Body, Size: a.ContentLength, Version: versionOf(a), Partial: a.StatusCode == http.StatusPartialContent,
	}, nil
}

func versionOf(a *http.Response) objstore.Version { return objstore.Version(a.Header.Get("ETag")) }

// Head implements remote.Protocol.
func (p *protocol) Head(ctx context.Context, key string) (remote.Head, error) {
	a, err := p.send(ctx, http.MethodHead, key, nil, nil, nil, http.StatusOK)
	if err != nil {
		return remote.Head{}, err
	}
	h := remote.Head{Size: a.ContentLength, Version: versionOf(a), Token: a.Header.Get(tokenField)}
	now, err := http.ParseTime(a.Header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	if then, err := http.ParseTime(a.Header.Get("Last-Modified")); err == nil {
		h.Age = now.Sub(then)
	}
	return h, a.Body.Close()
}

// Put implements remote.Protocol.
func (p *protocol) Put(
	ctx context.Context, key string, old objstore.Version, token string, data []byte,
) (objstore.Version, error) {
	f := fields{"x-ms-blob-type": "BlockBlob", tokenField: token, "If-None-Match": "*"}
	if old != "" {
		delete(f, "If-None-Match")
		f["If-Match"] = string(old)
	}
	a, err := p.send(ctx, http.MethodPut, key, nil, f, data, http.StatusCreated)
	if err != nil {
		return "", err
	}
	return versionOf(a), a.Body.Close()
}

// Delete implements remote.Protocol.
func (p *protocol) Delete(ctx context.Context, key string) error {
	a, err := p.send(ctx, http.MethodDelete, key, nil, nil, nil, http.StatusAccepted)
	if err != nil {
		return err
	}
	return a.Body.Close()
}

// enumeration is a page of a list.
type enumeration struct {
	Blobs []struct {
		Name       string
		Properties struct {
			Size int64  `xml:"Content-Length"`
			Type string `xml:"ResourceType"`
		}
	} `xml:"Blobs>Blob"`
	NextMarker string
}

// List implements remote.Protocol.
func (p *protocol) List(ctx context.Context, prefix, from string) (remote.Page, error) {
	query := url.Values{"restype": {"container"}, "comp": {"list"}, "prefix": {prefix}}
	if from != "" {
		query.Set("marker", from)
	}
	a, err := p.send(ctx, http.MethodGet, "", query, nil, nil, http.StatusOK)
	if err != nil {
		return remote.Page{}, err
	}
	defer a.Body.Close()
	data, err := io.ReadAll(a.Body)
	if err != nil {
		return remote.Page{}, err
	}
	var e enumeration
	if err := xml.Unmarshal(data, &e); err != nil {
		return remote.Page{}, fmt.Errorf("the answer is not what Azure promises: %w", err)
	}
	page := remote.Page{Next: e.NextMarker}
	for _, b := range e.Blobs {
		if b.Properties.Type == "directory" {
			return page, &remote.Refused{Status: http.StatusOK, Code: hierarchical, Message: "there are directories"}
		}
		page.Objects = append(page.Objects, objstore.Object{Name: b.Name, Size: b.Properties.Size})
	}
	return page, nil
}
