package gcs

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"mime/multipart"
	"net/textproto"
)

// described is an object to be written.
func described(key, token, crc string) resource {
	return resource{Name: key, Metadata: map[string]string{tokenField: token}, CRC32C: crc}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is the checksum of bytes as Google writes it.
func checksum(data []byte) string { return written(crc32.Checksum(data, castagnoli)) }

func written(crc uint32) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc))
}

// related makes one body of an object's description and its bytes.
func related(o resource, data []byte) (body *bytes.Reader, contentType string, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	meta, err := json.Marshal(o)
	if err != nil {
		return nil, "", err
	}
	for _, part := range []struct {
		kind string
		data []byte
	}{{"application/json; charset=UTF-8", meta}, {"application/octet-stream", data}} {
		out, err := w.CreatePart(textproto.MIMEHeader{"Content-Type": {part.kind}})
		if err == nil {
			_, err = out.Write(part.data)
		}
		if err != nil {
			return nil, "", err
		}
	}
	err = w.Close()
	return bytes.NewReader(b.Bytes()), "multipart/related; boundary=" + w.Boundary(), err
}
