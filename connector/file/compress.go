package file

import (
	"bufio"
	"errors"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// suffixes are the endings of compressed files, by method.
var suffixes = map[string]string{"": "", "gzip": ".gz", "zstd": ".zst"}

// compressor writes a file through a buffer and, if asked, a compression.
type compressor struct {
	*os.File
	buffer *bufio.Writer
	packed io.WriteCloser // nil for none
}

func newCompressor(f *os.File, method string) *compressor {
	c := &compressor{File: f, buffer: bufio.NewWriterSize(f, 64<<10)}
	switch method {
	case "gzip":
		c.packed = gzip.NewWriter(c.buffer)
	case "zstd":
		// Without options, a zstd writer cannot be refused.
		c.packed, _ = zstd.NewWriter(c.buffer, zstd.WithEncoderConcurrency(1))
	}
	return c
}

// Write adds to the file.
func (c *compressor) Write(p []byte) (int, error) {
	if c.packed != nil {
		return c.packed.Write(p)
	}
	return c.buffer.Write(p)
}

// finish makes the file whole and durable, and closes it.
func (c *compressor) finish() error {
	var err error
	if c.packed != nil {
		err = c.packed.Close()
	}
	if err == nil {
		err = c.buffer.Flush()
	}
	if err == nil {
		err = c.Sync()
	}
	return errors.Join(err, c.File.Close())
}
