package file

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
)

// Option says how files are read.
type Option func(*settings)

type settings struct {
	watch   time.Duration
	chunk   int64
	maxLine int
}

// Watch looks for new files again and again: the source never ends. Files must be complete when they get
// their names. One that is moved away before it has been seen is no input. Checkpoints have the name of each file that was
// ever seen, also of those that are gone.
func Watch(every time.Duration) Option { return func(s *settings) { s.watch = every } }

// ChunkSize is the number of bytes from which on a plain file is cut into splits; default 64 MiB.
func ChunkSize(bytes int64) Option { return func(s *settings) { s.chunk = bytes } }

// MaxLine is the number of bytes from which on a line is reported as a bad record; default 16 MiB.
func MaxLine(bytes int) Option { return func(s *settings) { s.maxLine = bytes } }

// decoder makes rows of the lines of one file. It gets the header line first if the format has one.
type decoder[T any] struct {
	header func(line []byte) error // nil for a format without
	empty  bool                    // empty lines are rows too
	row    func(line []byte, row *T) error
}

// Source reads files: one, those that match a pattern, those in a directory, or standard input.
type Source[T any] struct {
	path    string
	whole   bool // files must not be cut
	decoder func() decoder[T]
	settings
	invalid error
}

func newSource[T any](path string, whole bool, d func() decoder[T], options []Option) *Source[T] {
	s := &Source[T]{path: path, whole: whole, decoder: d, settings: settings{chunk: 64 << 20, maxLine: 16 << 20}}
	for _, o := range options {
		o(&s.settings)
	}
	if s.chunk <= 0 || s.maxLine <= 0 || s.watch < 0 {
		s.invalid = fmt.Errorf("chunk size %d, longest line %d and watch interval %v must be positive",
			s.chunk, s.maxLine, s.watch)
	}
	return s
}

// Lines returns a source of the lines of files, without their ends; empty lines are rows too. The path is that of
// a file, a pattern as for filepath.Glob, a directory, or "-" for standard input.
func Lines(path string, options ...Option) flow.Source[string] {
	text := func() decoder[string] {
		return decoder[string]{empty: true, row: func(line []byte, row *string) error {
			*row = string(line)
			return nil
		}}
	}
	return replayable(newSource(path, false, text, options))
}

// Decode returns a source of rows that a function makes of lines, which it must not keep. Empty lines are passed
// over. Paths are as for Lines.
func Decode[T any](path string, decode func(line []byte, row *T) error, options ...Option) flow.Source[T] {
	return replayable(newSource(path, false, func() decoder[T] { return decoder[T]{row: decode} }, options))
}

// NDJSON returns a source of rows that are lines of JSON. Empty lines are passed over. Paths are as for Lines.
func NDJSON[T any](path string, options ...Option) flow.Source[T] {
	return Decode(path, func(line []byte, row *T) error { return json.Unmarshal(line, row) }, options...)
}

// CSV returns a source of structs from CSV with a header. Columns fill the exported fields that are named like
// them, by the tag `csv:"name"` or like the field; other columns, and empty lines, are passed over. A line is a
// record: quoted fields have no line breaks. Paths are as for Lines.
func CSV[T any](path string, options ...Option) flow.Source[T] {
	columns, err := columnsOf[T]()
	s := newSource(path, false, func() decoder[T] { return csvDecoder(columns) }, options)
	if err != nil {
		s.invalid = err
	}
	return replayable(s)
}

// replayable hides from the engine that a source of files could be standard input, unless it is.
func replayable[T any](s *Source[T]) flow.Source[T] {
	if s.path == "-" {
		return &Stdin[T]{s, os.Stdin}
	}
	return s
}

// chunk is what a split's Spec says.
type chunk struct {
	Path string `json:"path"`
	From int64  `json:"from"`
	To   int64  `json:"to"` // the file's end if 0
	Size int64  `json:"size"`
}

// Discover implements flow.Source.
func (s *Source[T]) Discover(_ context.Context, known flow.Known) (flow.Discovery, error) {
	if s.invalid != nil {
		return flow.Discovery{}, flow.ConfigErrorf("%w", s.invalid)
	}
	paths, err := s.expand()
	if err != nil {
		return flow.Discovery{}, err
	}
	if len(paths) == 0 && s.watch == 0 && known.First {
		return flow.Discovery{}, flow.ConfigErrorf("no file matches %s", s.path)
	}
	d := flow.Discovery{Again: s.watch}
	for _, path := range paths {
		splits, err := s.splits(path, known)
		if err != nil {
			return flow.Discovery{}, err
		}
		d.Splits = append(d.Splits, splits...)
	}
	return d, nil
}

// unusable marks an error that a restart does not heal as one of configuration.
func unusable(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EROFS) {
		return flow.ConfigErrorf("%w", err)
	}
	return err
}

// expand returns the files that the path stands for, sorted.
func (s *Source[T]) expand() ([]string, error) {
	if info, err := os.Stat(s.path); err == nil {
		if !info.IsDir() {
			return []string{s.path}, nil
		}
		entries, err := os.ReadDir(s.path)
		var paths []string
		for _, e := range entries {
			if e.Type().IsRegular() && !strings.HasPrefix(e.Name(), ".") {
				paths = append(paths, filepath.Join(s.path, e.Name()))
			}
		}
		return paths, err
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, unusable(err)
	}
	paths, err := filepath.Glob(s.path)
	if err != nil {
		return nil, flow.ConfigErrorf("pattern %s: %w", s.path, err)
	}
	paths = slices.DeleteFunc(paths, func(p string) bool {
		info, err := os.Stat(p)
		return err != nil || info.IsDir()
	})
	slices.Sort(paths)
	return paths, nil
}

// splits cuts a file that is not known yet.
func (s *Source[T]) splits(path string, known flow.Known) ([]flow.Split, error) {
	if known.Has(splitID(path, 0)) {
		return nil, nil
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // it has gone since it was listed
	}
	if err != nil {
		return nil, unusable(err)
	}
	if !info.Mode().IsRegular() {
		return nil, flow.ConfigErrorf("%s is not a regular file (%s) and cannot be read again after a failure: "+
			"redirect it to standard input and read that, with the path -", path, info.Mode().Type())
	}
	size := info.Size()
	step := s.chunk
	if s.whole || compressed(path) {
		step = max(size, 1)
	}
	var splits []flow.Split
	for from := int64(0); from == 0 || from < size; from += step {
		c := chunk{Path: path, From: from, Size: size}
		if from+step < size {
			c.To = from + step
		}
		spec, err := json.Marshal(c)
		if err != nil {
			return nil, err
		}
		splits = append(splits, flow.Split{ID: splitID(path, from), Bounded: true, Spec: spec})
	}
	return splits, nil
}

func splitID(path string, from int64) string {
	if from == 0 {
		return path
	}
	return fmt.Sprintf("%s+%d", path, from)
}

// compressed reports whether the name says that a file is.
func compressed(path string) bool {
	return strings.HasSuffix(path, ".gz") || strings.HasSuffix(path, ".zst")
}

// Open implements flow.Source.
func (s *Source[T]) Open(_ context.Context, split flow.Split) (flow.Reader[T], error) {
	var c chunk
	if err := json.Unmarshal(split.Spec, &c); err != nil {
		return nil, flow.CorruptErrorf("split %s: %w", split.ID, err)
	}
	return openChunk(s, c, split)
}
