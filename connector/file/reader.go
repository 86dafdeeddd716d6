package file

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/aquifer-stream/aquifer/flow"
)

// reader reads the lines of a chunk of a file. Offsets are those of the text, after decompression.
type reader[T any] struct {
	source  *Source[T]
	chunk   chunk
	decoder decoder[T]
	file    *os.File
	close   func() error
	lines   *lines
	line    int64 // the number of the last line read, or -1 when the lines before the chunk are not counted
}

// openChunk opens a chunk where a position says, or at its first line.
func openChunk[T any](s *Source[T], c chunk, split flow.Split) (_ flow.Reader[T], err error) {
	f, err := os.Open(c.Path)
	if err != nil {
		return nil, err
	}
	r := &reader[T]{source: s, chunk: c, decoder: s.decoder(), file: f, close: f.Close, line: -1}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", c.Path, err), r.close())
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() < c.Size {
		return nil, fmt.Errorf("it has %d bytes and had %d when it was found: it must not change while it is read",
			info.Size(), c.Size)
	}
	if err := r.begin(split.Position); err != nil {
		return nil, err
	}
	return r, nil
}

// begin goes to the first line to be read, past the header.
func (r *reader[T]) begin(position []byte) error {
	at := r.chunk.From
	if position != nil {
		var err error
		if at, err = strconv.ParseInt(string(position), 10, 64); err != nil {
			return flow.CorruptErrorf("position %q is not an offset", position)
		}
	}
	if r.decoder.header != nil {
		if err := r.readHeader(); err != nil {
			return err
		}
	}
	switch {
	case position != nil:
		return r.seek(at)
	case at == 0:
		if r.lines == nil {
			return r.seek(0)
		}
		return nil
	}
	// A line belongs to the chunk that it begins in: what goes on from before is another's.
	if err := r.seek(at - 1); err != nil {
		return err
	}
	_, _, err := r.lines.next()
	if err == io.EOF {
		err = nil
	}
	return err
}

// readHeader decodes the first line of the file and stays behind it.
func (r *reader[T]) readHeader() error {
	if err := r.seek(0); err != nil {
		return err
	}
	line, _, err := r.lines.next()
	if err == io.EOF {
		return nil
	}
	if err == nil {
		err = r.decoder.header(line)
	}
	if err != nil {
		return fmt.Errorf("line 1, the header: %w", err)
	}
	r.line = 1
	return nil
}

// seek goes to an offset of the text, from which lines are read then.
func (r *reader[T]) seek(at int64) error {
	plain := !compressed(r.chunk.Path)
	start := int64(0)
	if plain {
		start = at
	}
	if _, err := r.file.Seek(start, io.SeekStart); err != nil {
		return err
	}
	text, closeText, err := decompress(r.file, r.chunk.Path)
	if err != nil {
		return err
	}
	file := r.file
	r.close = func() error { closeText(); return file.Close() }
	if !plain {
		if n, err := io.CopyN(io.Discard, text, at); err != nil {
			return fmt.Errorf("it ends after %d bytes of text, before the position %d: %w", n, at, err)
		}
	}
	r.lines = newLines(text, at, r.source.maxLine)
	r.line = -1
	if at == 0 {
		r.line = 0
	}
	return nil
}

// decompress returns the text of a file.
func decompress(f *os.File, path string) (io.Reader, func(), error) {
	switch {
	case strings.HasSuffix(path, ".gz"):
		z, err := gzip.NewReader(bufio.NewReaderSize(f, 64<<10))
		return z, func() {}, err
	case strings.HasSuffix(path, ".zst"):
		z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return f, func() {}, nil
}

// Read implements flow.Reader.
func (r *reader[T]) Read(_ context.Context, out *flow.Batch[T]) (flow.Status, error) {
	for len(out.Rows)+len(out.Bad) < cap(out.Rows) {
		if r.chunk.To > 0 && r.lines.offset >= r.chunk.To {
			return flow.End, nil
		}
		at := r.lines.offset
		line, tooLong, err := r.lines.next()
		if err == io.EOF {
			return flow.End, nil
		}
		if err != nil {
			return flow.End, fmt.Errorf("%s, byte %d: %w", r.chunk.Path, at, err)
		}
		if r.line >= 0 {
			r.line++
		}
		if err := r.decode(line, tooLong, at, out); err != nil {
			return flow.End, err
		}
	}
	return flow.More, nil
}

// decode adds the row of a line, or the line as a bad record.
func (r *reader[T]) decode(line []byte, tooLong bool, at int64, out *flow.Batch[T]) error {
	var bad error
	switch {
	case tooLong:
		bad = fmt.Errorf("the line is longer than %d bytes", r.source.maxLine)
	case len(line) == 0 && !r.decoder.empty:
		return nil
	default:
		row := out.Next(flow.NoTime)
		if bad = r.decoder.row(line, row); bad == nil {
			return nil
		}
		out.Rows, out.Times = out.Rows[:len(out.Rows)-1], out.Times[:len(out.Times)-1]
	}
	number, err := r.number(at)
	if err != nil {
		return err
	}
	out.Bad = append(out.Bad, flow.BadRecord{
		Split: r.chunk.Path, Line: number, Offset: at, Raw: slices.Clone(line[:min(len(line), 4<<10)]),
		Reason: bad.Error(),
	})
	return nil
}

// number is that of the line last read. The lines before a chunk are counted when one is asked for.
func (r *reader[T]) number(at int64) (int64, error) {
	if r.line >= 0 {
		return r.line, nil
	}
	f, err := os.Open(r.chunk.Path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	text, closeText, err := decompress(f, r.chunk.Path)
	if err != nil {
		return 0, err
	}
	defer closeText()
	r.line = 1
	buffer := make([]byte, 64<<10)
	for left := at; left > 0; {
		n, err := text.Read(buffer[:min(left, int64(len(buffer)))])
		r.line += int64(bytes.Count(buffer[:n], []byte{'\n'}))
		left -= int64(n)
		if err != nil && left > 0 {
			return 0, fmt.Errorf("%s: count lines: %w", r.chunk.Path, err)
		}
	}
	return r.line, nil
}

// Ready implements flow.Reader. Files never make it wait.
func (r *reader[T]) Ready() <-chan struct{} { return nil }

// Position implements flow.Reader.
func (r *reader[T]) Position() []byte { return strconv.AppendInt(nil, r.lines.offset, 10) }

// Close implements flow.Reader.
func (r *reader[T]) Close() error { return r.close() }
