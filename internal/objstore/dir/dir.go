package dir

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofrs/flock"
	"github.com/zeebo/xxh3"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// Store is an object store in a directory.
type Store struct {
	root string
}

var _ objstore.Store = (*Store)(nil)

const (
	tmpDir   = ".tmp"
	lockFile = ".lock"
	swapFile = ".swap"
)

// Open returns the store in a directory, which it creates if needed. A directory that cannot be written to is
// an error of kind base.Config.
func Open(path string) (*Store, error) {
	root, err := filepath.Abs(path)
	if err == nil {
		err = os.MkdirAll(filepath.Join(root, tmpDir), 0o755)
	}
	if err != nil {
		return nil, base.Errorf(base.Config, "state directory %s cannot be used: %w", path, err)
	}
	s := &Store{root}
	f, err := os.CreateTemp(s.path(tmpDir), "probe-")
	if err != nil {
		return nil, base.Errorf(base.Config, "state directory %s cannot be written to: %w", path, err)
	}
	return s, errors.Join(f.Close(), os.Remove(f.Name()))
}

// Existing returns the store in a directory that is there already, to read from it. The error of a directory that is
// not there is fs.ErrNotExist.
func Existing(path string) (*Store, error) {
	root, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
		return nil, base.Errorf(base.Config, "%s is not a state directory: %w", path, fs.ErrNotExist)
	}
	if info, err := os.Stat(filepath.Join(root, tmpDir)); err != nil || !info.IsDir() {
		return nil, base.Errorf(base.Config, "%s is not a state directory", path)
	}
	return &Store{root}, nil
}

func (s *Store) path(name string) string { return filepath.Join(s.root, filepath.FromSlash(name)) }

// String implements objstore.Store.
func (s *Store) String() string { return s.root }

// wrap gives an error of the system the request, the name and, for a missing file, the contract's error.
func wrap(request, name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s %s: %w", request, name, objstore.ErrNotFound)
	}
	return fmt.Errorf("%s %s: %w", request, name, err)
}

func check(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return objstore.CheckName(name)
}

// ReadAt implements objstore.Store.
func (s *Store) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	f, err := os.Open(s.path(name))
	if err != nil {
		return wrap("read", name, err)
	}
	defer f.Close()
	if n, err := f.ReadAt(p, off); n < len(p) {
		return fmt.Errorf("read %d bytes at %d of %s: got %d: %w", len(p), off, name, n, err)
	}
	return nil
}

// Get implements objstore.Store. The version is a hash of the content.
func (s *Store) Get(ctx context.Context, name string) ([]byte, objstore.Version, error) {
	if err := check(ctx, name); err != nil {
		return nil, "", err
	}
	data, err := os.ReadFile(s.path(name))
	if err != nil {
		return nil, "", wrap("get", name, err)
	}
	return data, versionOf(data), nil
}

func versionOf(data []byte) objstore.Version {
	h := xxh3.Hash128(data).Bytes()
	return objstore.Version(hex.EncodeToString(h[:]) + fmt.Sprintf("%08x", crc32.ChecksumIEEE(data)))
}

// Stat implements objstore.Store.
func (s *Store) Stat(ctx context.Context, name string) (objstore.Object, error) {
	if err := check(ctx, name); err != nil {
		return objstore.Object{}, err
	}
	info, err := os.Stat(s.path(name))
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return objstore.Object{}, wrap("stat", name, err)
	}
	return objstore.Object{Name: name, Size: info.Size()}, nil
}

// Create implements objstore.Store.
func (s *Store) Create(ctx context.Context, name string) (objstore.Writer, error) {
	if err := check(ctx, name); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(s.path(tmpDir), "object-")
	if err != nil {
		return nil, wrap("create", name, err)
	}
	return &writer{File: f, store: s, ctx: ctx, name: name}, nil
}

// writer is a temporary file that gets its name at Finish.
type writer struct {
	*os.File
	store *Store
	ctx   context.Context
	name  string
}

// Finish implements objstore.Writer.
func (w *writer) Finish() error {
	err := w.ctx.Err()
	if err == nil {
		err = w.Sync()
	}
	if err = errors.Join(err, w.File.Close()); err == nil {
		err = w.store.publish(w.Name(), w.name, os.Link)
	}
	err = errors.Join(err, os.Remove(w.Name()))
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create %s: %w", w.name, objstore.ErrExists)
	}
	if err != nil {
		return fmt.Errorf("create %s: %w", w.name, err)
	}
	return nil
}

// Abort implements objstore.Writer. A file that cannot be removed is removed by the next Lock.
func (w *writer) Abort() {
	_ = w.File.Close()
	_ = os.Remove(w.Name())
}

// publish gives a finished file its name by os.Link or os.Rename, and makes the name durable.
func (s *Store) publish(from, name string, give func(from, to string) error) error {
	to := s.path(name)
	err := give(from, to)
	for try := 0; errors.Is(err, fs.ErrNotExist) && try < 10; try++ { // a directory may be removed at the same time
		if err = os.MkdirAll(filepath.Dir(to), 0o755); err == nil {
			err = give(from, to)
		}
	}
	for d := filepath.Dir(to); err == nil; d = filepath.Dir(d) {
		err = syncDir(d)
		if d == s.root {
			break
		}
	}
	return err
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// PutIfAbsent implements objstore.Store.
func (s *Store) PutIfAbsent(ctx context.Context, name string, data []byte) error {
	w, err := s.Create(ctx, name)
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		w.Abort()
		return wrap("put", name, err)
	}
	return w.Finish()
}

// Swap implements objstore.Store. A lock makes it atomic among processes.
func (s *Store) Swap(
	ctx context.Context, name string, old objstore.Version, data []byte,
) (_ objstore.Version, err error) {
	if err := check(ctx, name); err != nil {
		return "", err
	}
	lock := flock.New(s.path(swapFile))
	if err := lock.Lock(); err != nil {
		return "", wrap("swap", name, err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	_, now, err := s.Get(ctx, name)
	if err != nil && !errors.Is(err, objstore.ErrNotFound) {
		return "", err
	}
	if now != old {
		return "", fmt.Errorf("swap %s: %w", name, objstore.ErrChanged)
	}
	if err := s.replace(name, data); err != nil {
		return "", wrap("swap", name, err)
	}
	return versionOf(data), nil
}

func (s *Store) replace(name string, data []byte) error {
	f, err := os.CreateTemp(s.path(tmpDir), "swap-")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = s.publish(f.Name(), name, os.Rename)
	}
	if err != nil {
		return errors.Join(err, ignoreMissing(os.Remove(f.Name())))
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// List implements objstore.Store.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[objstore.Object, error] {
	return func(yield func(objstore.Object, error) bool) {
		all, err := s.walk(ctx, prefix)
		if err != nil {
			yield(objstore.Object{}, fmt.Errorf("list %s in %s: %w", prefix, s, err))
			return
		}
		for _, o := range all {
			if !yield(o, nil) {
				return
			}
		}
	}
}

// walk collects the objects with a prefix. Files that vanish meanwhile were deleted, which a list may show or not.
func (s *Store) walk(ctx context.Context, prefix string) ([]objstore.Object, error) {
	var all []objstore.Object
	dir, _ := filepath.Split(filepath.FromSlash(prefix))
	err := filepath.WalkDir(filepath.Join(s.root, dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return ignoreMissing(err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") && path != s.root {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(s.root, path)
		if name := filepath.ToSlash(rel); err == nil && d.Type().IsRegular() && strings.HasPrefix(name, prefix) {
			info, err := d.Info()
			if err != nil {
				return ignoreMissing(err)
			}
			all = append(all, objstore.Object{Name: name, Size: info.Size()})
		}
		return err
	})
	slices.SortFunc(all, func(a, b objstore.Object) int { return strings.Compare(a.Name, b.Name) })
	return all, err
}

// Delete implements objstore.Store. The removal becomes durable with the next write to the directory: a name
// that comes back after a power failure is deleted again.
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	if err := ignoreMissing(os.Remove(s.path(name))); err != nil {
		return wrap("delete", name, err)
	}
	return nil
}

// Near implements objstore.Store: most directories are on a disk of the machine. Of others few files are read at a time.
func (s *Store) Near() bool { return true }

// Lock implements objstore.Store, by a lock on a file that ends with the process. It also removes what dead
// processes had begun to write.
func (s *Store) Lock(ctx context.Context) (func() error, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	lock := flock.New(s.path(lockFile))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", s, err)
	}
	if !ok {
		return nil, fmt.Errorf("state directory %s: %w", s, objstore.ErrLocked)
	}
	if err := s.sweep(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock.Close, nil
}

func (s *Store) sweep() error {
	left, err := os.ReadDir(s.path(tmpDir))
	for _, e := range left {
		err = errors.Join(err, ignoreMissing(os.Remove(filepath.Join(s.path(tmpDir), e.Name()))))
	}
	if err != nil {
		return fmt.Errorf("remove what a process left in %s: %w", s, err)
	}
	return nil
}

var _ io.Writer = (*writer)(nil)
