package azure

import (
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

// upload is a list of blocks. Azure does not know it before it is complete.
type upload struct {
	*protocol
	key, token string
}

// Begin implements remote.Protocol. It sends nothing.
func (p *protocol) Begin(_ context.Context, key, token string) (remote.Upload, error) {
	return &upload{p, key, token}, nil
}

// block is the name of a block. All names of a key are of the same length, as Azure wants, and no two writers' are
// the same.
func (u *upload) block(number int) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s-%06d", u.token, number))
}

// Part implements remote.Upload.
func (u *upload) Part(ctx context.Context, number int, data []byte) error {
	query := url.Values{"comp": {"block"}, "blockid": {u.block(number)}}
	a, err := u.send(ctx, http.MethodPut, u.key, query, nil, data, http.StatusCreated)
	if err != nil {
		return err
	}
	return a.Body.Close()
}

// Complete implements remote.Upload. When another writer makes an object of the name, Azure drops our blocks.
func (u *upload) Complete(ctx context.Context, parts int) error {
	var list struct {
		XMLName xml.Name `xml:"BlockList"`
		Blocks  []string `xml:"Uncommitted"`
	}
	for number := range parts {
		list.Blocks = append(list.Blocks, u.block(number+1))
	}
	data, err := xml.Marshal(list)
	if err != nil {
		return err
	}
	f := fields{tokenField: u.token, "If-None-Match": "*", "Content-Type": "application/xml"}
	a, err := u.send(ctx, http.MethodPut, u.key, url.Values{"comp": {"blocklist"}}, f, data, http.StatusCreated)
	if refused, ok := errors.AsType[*remote.Refused](err); ok && refused.Code == "InvalidBlockList" {
		if _, absent := u.Head(ctx, u.key); absent == nil {
			refused.Code = "BlobAlreadyExists"
		}
	}
	if err != nil {
		return err
	}
	return a.Body.Close()
}

// Abort implements remote.Upload. Blocks vanish a week after the last one was sent.
func (u *upload) Abort(context.Context) error { return nil }

// Unfinished implements remote.Protocol.
func (p *protocol) Unfinished(context.Context, string, string) ([]remote.Unfinished, string, error) {
	return nil, "", nil
}
