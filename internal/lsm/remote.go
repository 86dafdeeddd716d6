package lsm

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/objstorage/remote"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// Object is an immutable object that holds a part of a shard's state.
type Object struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
	// CRC is the CRC-32C of the whole object.
	CRC uint32 `json:"crc"`
}

// Pebble knows two storages: its own, for what compactions write, and that of all objects that exist already.
const (
	ownObjects   remote.Locator = "own"
	knownObjects remote.Locator = "known"
)

// files is the object store as one database sees it. Sizes come from what is known of the objects, never from
// the store: opening a table costs no request of its own.
type files struct {
	ctx     context.Context // ends with the shard; for requests of compactions, which have no context
	turns   *turns
	objects objstore.Store
	prefix  string // of own objects, with a slash

	mu      sync.Mutex
	known   map[string]Object
	unused  []string // own objects that Pebble has deleted and nobody has been told of
	deleted []string // those that are still known: a list may be about to name them
}

// purpose is that of a compaction's requests. One that is far behind, or that an ingestion waits for, is as urgent as
// what ingests, and may come to be so while it writes.
func (f *files) purpose() objstore.Purpose {
	if f.turns.depth() >= neverRest {
		return objstore.Checkpoint
	}
	return objstore.Compaction
}

// add makes objects known.
func (f *files) add(objects ...Object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range objects {
		f.known[o.Name] = o
	}
}

// get returns what is known of an object.
func (f *files) get(name string) (Object, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o, ok := f.known[name]
	if !ok {
		return Object{}, base.Errorf(base.Corrupt, "table %s is not among the objects of its shard", name)
	}
	return o, nil
}

// forget drops what is known of objects that no list can name any more: own ones that Pebble has deleted, and
// those of others that it does not hold.
func (f *files) forget(held map[string]bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range f.deleted {
		delete(f.known, name)
	}
	f.deleted = nil
	for name := range f.known {
		if !held[name] && !strings.HasPrefix(name, f.prefix) {
			delete(f.known, name)
		}
	}
}

func (f *files) takeUnused() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	names := f.unused
	f.unused = nil
	return names
}

func (f *files) markUnused(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unused = append(f.unused, name)
	f.deleted = append(f.deleted, name)
}

// CreateStorage implements remote.StorageFactory.
func (f *files) CreateStorage(locator remote.Locator) (remote.Storage, error) {
	if locator == ownObjects {
		return &storage{f, f.prefix}, nil
	}
	return &storage{f, ""}, nil
}

// storage implements remote.Storage: the objects below a prefix.
type storage struct {
	files  *files
	prefix string
}

// isMarker recognizes the empty objects by which Pebble counts references. Nothing is deleted by counting
// here, so they need not exist.
func isMarker(name string) bool { return strings.Contains(name, ".sst.ref.") }

func (s *storage) Close() error                       { return nil }
func (s *storage) List(_, _ string) ([]string, error) { return nil, nil }
func (s *storage) IsNotExistError(err error) bool     { return errors.Is(err, objstore.ErrNotFound) }

func (s *storage) Size(name string) (int64, error) {
	if isMarker(name) {
		return 0, nil // asked for by Pebble's own checks, in builds that have them
	}
	o, err := s.files.get(s.prefix + name)
	return o.Bytes, err
}

// Delete only notes that the object is no longer needed: when it may go is not for one shard to say.
func (s *storage) Delete(name string) error {
	if !isMarker(name) && s.prefix != "" {
		s.files.markUnused(s.prefix + name)
	}
	return nil
}

func (s *storage) ReadObject(_ context.Context, name string) (remote.ObjectReader, int64, error) {
	o, err := s.files.get(s.prefix + name)
	return &reader{s.files, o}, o.Bytes, err
}

func (s *storage) CreateObject(name string) (io.WriteCloser, error) {
	if isMarker(name) {
		return noObject{}, nil
	}
	name = s.prefix + name
	w, err := s.files.objects.Create(objstore.ForWhatever(s.files.ctx, s.files.purpose), name)
	if err != nil {
		return nil, transient(err)
	}
	return &output{files: s.files, object: &object{name: name, w: w}}, nil
}

type noObject struct{}

func (noObject) Write(p []byte) (int, error) { return len(p), nil }
func (noObject) Close() error                { return nil }

// reader reads one object.
type reader struct {
	files *files
	Object
}

func (r *reader) Close() error { return nil }

// ReadAt honours the context of whoever reads; compactions bring none and end with the shard.
func (r *reader) ReadAt(ctx context.Context, p []byte, off int64) error {
	if off < 0 || off+int64(len(p)) > r.Bytes {
		return base.Errorf(base.Corrupt, "table %s is damaged: %d bytes at %d are to be read, it has %d",
			r.Name, len(p), off, r.Bytes)
	}
	asked := askedBy(ctx)
	if asked != nil && !asked.note(len(p)) {
		return errNotCached
	}
	if asked == nil && ctx.Done() == nil {
		ctx = objstore.For(r.files.ctx, r.files.purpose())
	}
	err := r.files.objects.ReadAt(objstore.Sized(ctx, r.Bytes), r.Name, p, off)
	if errors.Is(err, objstore.ErrNotFound) {
		return base.Errorf(base.Corrupt, "table %s is missing: %w", r.Name, err)
	}
	if err != nil {
		return transient(err)
	}
	return r.checkFooter(p, off)
}

// The end of a table: its format's version (4 bytes) and a magic number (8 bytes). Blocks and the end carry
// checksums, but with another version Pebble would not look at that of the end, and misread the blocks.
const (
	footerEnd = 12
	magic     = "\xf0\x9f\xaa\xb3\xf0\x9f\xaa\xb3"
)

// checkFooter checks the end of the object, if p holds it.
func (r *reader) checkFooter(p []byte, off int64) error {
	if off+int64(len(p)) != r.Bytes || len(p) < footerEnd {
		return nil
	}
	if !isTableEnd(p) {
		return base.Errorf(base.Corrupt, "table %s is damaged: it does not end like a table", r.Name)
	}
	return nil
}

func isTableEnd(p []byte) bool {
	n := len(p)
	return n >= footerEnd && string(p[n-8:]) == magic &&
		binary.LittleEndian.Uint32(p[n-footerEnd:]) == formatVersion
}

// output is a table that a compaction writes.
type output struct {
	files  *files
	object *object
	tail   []byte // what was written last
	err    error
}

func (o *output) Write(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	if err := o.object.Write(p); err != nil {
		o.err = transient(err)
		o.object.Abort()
		return 0, o.err
	}
	o.tail = append(o.tail, p[max(0, len(p)-footerEnd):]...)
	o.tail = o.tail[max(0, len(o.tail)-footerEnd):]
	return len(p), nil
}

// Close makes the table an object. Pebble calls it for a table that it gives up as well; those have no end.
func (o *output) Close() error {
	if o.err != nil {
		return o.err
	}
	o.err = errEnded
	if !isTableEnd(o.tail) {
		o.object.Abort()
		return errEnded
	}
	if err := o.object.Finish(); err != nil {
		o.files.markUnused(o.object.name) // it may be there nevertheless
		return transient(err)
	}
	o.files.add(Object{o.object.name, o.object.written.Load(), o.object.crc})
	return nil
}
