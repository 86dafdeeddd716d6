package file

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/aquifer-stream/aquifer/flow"
)

// SinkOption says how files are written.
type SinkOption[T any] func(*Sink[T])

// PartitionBy puts rows into sub-directories by a path such as "day=2015-05-17". Paths are relative, with
// forward slashes, and no part of them begins with a dot.
func PartitionBy[T any](partition func(*T) string) SinkOption[T] {
	return func(s *Sink[T]) { s.partition = partition }
}

// MaxFileSize begins a new file when one has grown to so many bytes (before compression). Files also end at
// every checkpoint.
func MaxFileSize[T any](bytes int64) SinkOption[T] {
	return func(s *Sink[T]) { s.maxSize = bytes }
}

// Compress writes files compressed: "gzip" or "zstd".
func Compress[T any](method string) SinkOption[T] {
	return func(s *Sink[T]) { s.method = method }
}

// WriteNDJSON returns a sink that writes rows as lines of JSON into files below a directory, exactly once.
func WriteNDJSON[T any](dir string, options ...SinkOption[T]) *Sink[T] {
	return newSink(dir, ".ndjson", appendJSON[T], options)
}

func appendJSON[T any](dst []byte, row *T) ([]byte, error) {
	b, err := json.Marshal(row)
	return append(append(dst, b...), '\n'), err
}

// WriteText returns a sink that writes rows as lines of text, which a function appends without the newline.
func WriteText[T any](dir string, text func(dst []byte, row *T) []byte, options ...SinkOption[T]) *Sink[T] {
	return newSink(dir, ".txt", func(dst []byte, row *T) ([]byte, error) {
		return append(text(dst, row), '\n'), nil
	}, options)
}

// WriteCSV returns a sink that writes structs as CSV with a header. Columns are the exported fields, named by
// their tag `csv:"name"` or like the field; `csv:"-"` leaves one out.
func WriteCSV[T any](dir string, options ...SinkOption[T]) *Sink[T] {
	columns, err := columnsOf[T]()
	s := newSink(dir, ".csv", func(dst []byte, row *T) ([]byte, error) {
		return appendCSV(dst, columns.format(row))
	}, options)
	if err == nil {
		s.header, err = appendCSV(nil, columns.names())
	}
	s.invalid = errors.Join(s.invalid, err)
	return s
}

func appendCSV(dst []byte, fields []string) ([]byte, error) {
	if len(fields) == 1 && fields[0] == "" {
		return append(dst, "\"\"\n"...), nil // an empty line would be no record
	}
	b := bytes.NewBuffer(dst)
	w := csv.NewWriter(b)
	err := w.Write(fields)
	w.Flush()
	return b.Bytes(), err
}

// Sink writes files into a directory that no other sink of the job may write into; one above or below it may. Each is
// written in .staging, becomes durable at a checkpoint and gets its name when the checkpoint is committed.
type Sink[T any] struct {
	dir, extension, method string
	encode                 func(dst []byte, row *T) ([]byte, error)
	partition              func(*T) string
	header                 []byte
	maxSize                int64
	invalid                error
}

const (
	staging = ".staging"
	// defaultMaxSize is where a file ends if nothing else is asked for.
	defaultMaxSize = 256 << 20
	// maxOpen is the number of partitions that a writer has open files for.
	maxOpen = 256
)

func newSink[T any](
	dir, extension string, encode func([]byte, *T) ([]byte, error), options []SinkOption[T],
) *Sink[T] {
	s := &Sink[T]{dir: dir, extension: extension, encode: encode, maxSize: defaultMaxSize}
	for _, o := range options {
		o(s)
	}
	suffix, ok := suffixes[s.method]
	if !ok {
		s.invalid = fmt.Errorf("there is no compression %q: use gzip or zstd", s.method)
	}
	if s.maxSize <= 0 {
		s.invalid = errors.Join(s.invalid, fmt.Errorf("largest file size %d must be positive", s.maxSize))
	}
	s.extension += suffix
	return s
}

// Place implements flow.Placed: Recover removes what is staged, whoever staged it, and a second writer would give the same
// names.
func (s *Sink[T]) Place() string {
	path, err := filepath.Abs(s.dir)
	if err != nil {
		return filepath.Clean(s.dir)
	}
	return withoutLinks(path)
}

// withoutLinks resolves the links in a path, of which the end may not be there yet.
func withoutLinks(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	above := filepath.Dir(path)
	if above == path {
		return path
	}
	return filepath.Join(withoutLinks(above), filepath.Base(path))
}

// staged is a finished file that has not got its name yet: a path below .staging, and one below the directory.
type staged struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Recover implements flow.Sink: it commits, then removes all other staged files.
func (s *Sink[T]) Recover(ctx context.Context, committables [][]byte) error {
	if s.invalid != nil {
		return flow.ConfigErrorf("%w", s.invalid)
	}
	if err := os.MkdirAll(filepath.Join(s.dir, staging), 0o755); err != nil {
		return unusable(fmt.Errorf("the output directory cannot be used: %w", err))
	}
	if err := s.Commit(ctx, committables); err != nil {
		return err
	}
	left, err := os.ReadDir(filepath.Join(s.dir, staging))
	for _, e := range left {
		err = errors.Join(err, os.RemoveAll(filepath.Join(s.dir, staging, e.Name())))
	}
	return err
}

// Commit implements flow.Sink: it gives the files their names.
func (s *Sink[T]) Commit(ctx context.Context, committables [][]byte) error {
	dirs := map[string]struct{}{}
	for _, c := range committables {
		var files []staged
		if err := json.Unmarshal(c, &files); err != nil {
			return flow.CorruptErrorf("the list of files to commit: %w", err)
		}
		for _, f := range files {
			if err := ctx.Err(); err != nil {
				return err
			}
			to := filepath.Join(s.dir, filepath.FromSlash(f.To))
			if err := s.reveal(filepath.Join(s.dir, staging, f.From), to); err != nil {
				return err
			}
			dirs[filepath.Dir(to)] = struct{}{}
		}
	}
	for d := range dirs {
		if err := syncUp(d, s.dir); err != nil {
			return err
		}
	}
	return nil
}

// reveal renames a staged file, unless that has been done before.
func (s *Sink[T]) reveal(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	err := os.Rename(from, to)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(to); err != nil {
		return fmt.Errorf("a file of the checkpoint is neither in %s nor at %s: it was removed or renamed by "+
			"somebody else: %w", from, to, err)
	}
	return nil
}

// syncUp makes the names in a directory, and in those above it up to the top, durable.
func syncUp(dir, top string) error {
	for {
		d, err := os.Open(dir)
		if err != nil {
			return err
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return err
		}
		if len(dir) <= len(top) || dir == filepath.Clean(top) {
			return nil
		}
		dir = filepath.Dir(dir)
	}
}

// Open implements flow.Sink.
func (s *Sink[T]) Open(_ context.Context, subtask flow.SinkSubtask) (flow.Writer[T], error) {
	prefix := fmt.Sprintf("%s-%04d", subtask.Incarnation, subtask.Subtask)
	return &writer[T]{sink: s, prefix: prefix, open: map[string]*part{}}, nil
}

// writer is one subtask of a sink.
type writer[T any] struct {
	sink   *Sink[T]
	prefix string
	seq    int
	open   map[string]*part // by partition
	order  []*part          // the least recently opened first
	done   []staged
	buffer []byte
}

// part is a file being written.
type part struct {
	partition string
	file      *compressor
	staged
	size int64
}

// Write implements flow.Writer.
func (w *writer[T]) Write(_ context.Context, b *flow.Batch[T]) error {
	for i := range b.Rows {
		row := &b.Rows[i]
		partition := ""
		if w.sink.partition != nil {
			partition = w.sink.partition(row)
		}
		p, err := w.part(partition)
		if err != nil {
			return err
		}
		if w.buffer, err = w.sink.encode(w.buffer[:0], row); err != nil {
			return fmt.Errorf("encode row %+v: %w", *row, err)
		}
		if err := w.append(p, w.buffer); err != nil {
			return err
		}
		if p.size >= w.sink.maxSize {
			if err := w.finish(p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *writer[T]) append(p *part, b []byte) error {
	n, err := p.file.Write(b)
	p.size += int64(n)
	return err
}

// part returns the open file of a partition.
func (w *writer[T]) part(partition string) (*part, error) {
	if p, ok := w.open[partition]; ok {
		return p, nil
	}
	if err := checkPartition(partition); err != nil {
		return nil, err
	}
	if len(w.order) == maxOpen {
		if err := w.finish(w.order[0]); err != nil {
			return nil, err
		}
	}
	w.seq++
	name := fmt.Sprintf("part-%s-%06d%s", w.prefix, w.seq, w.sink.extension)
	p := &part{partition: partition, staged: staged{From: name, To: name}}
	if partition != "" {
		p.To = partition + "/" + name
	}
	f, err := os.OpenFile(filepath.Join(w.sink.dir, staging, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	p.file = newCompressor(f, w.sink.method)
	w.open[partition] = p
	w.order = append(w.order, p)
	return p, w.append(p, w.sink.header)
}

func checkPartition(path string) error {
	if path == "" {
		return nil
	}
	for element := range strings.SplitSeq(path, "/") {
		if element == "" || element[0] == '.' || strings.ContainsAny(element, "\\\x00") {
			return fmt.Errorf("%q cannot be the path of a partition: it must be relative, and none of its parts "+
				"empty or beginning with a dot", path)
		}
	}
	return nil
}

// finish makes a file durable and lists it.
func (w *writer[T]) finish(p *part) error {
	delete(w.open, p.partition)
	for i, o := range w.order {
		if o == p {
			w.order = append(w.order[:i], w.order[i+1:]...)
			break
		}
	}
	if err := p.file.finish(); err != nil {
		return err
	}
	w.done = append(w.done, p.staged)
	return nil
}

// Prepare implements flow.Writer: all files are made durable, and their names listed.
func (w *writer[T]) Prepare(context.Context, uint64) (flow.Prepared, error) {
	for len(w.order) > 0 {
		if err := w.finish(w.order[0]); err != nil {
			return flow.Prepared{}, err
		}
	}
	if len(w.done) == 0 {
		return flow.Prepared{}, nil
	}
	if err := syncUp(filepath.Join(w.sink.dir, staging), filepath.Join(w.sink.dir, staging)); err != nil {
		return flow.Prepared{}, err
	}
	list, err := json.Marshal(w.done)
	w.done = nil
	return flow.Prepared{Committable: list}, err
}

// Close implements flow.Writer. What was not prepared stays staged, for the next Recover to remove.
func (w *writer[T]) Close(context.Context) error {
	var err error
	for _, p := range w.order {
		err = errors.Join(err, p.file.File.Close())
	}
	return err
}
