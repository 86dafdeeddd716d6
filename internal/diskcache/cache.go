package diskcache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// The files of a cache in its directory.
const (
	lockName    = "lock"
	entriesName = "entries"
	chunksName  = "chunks"
)

const epochs = 4096

// Config says where a cache is and how large it may become.
type Config struct {
	// Dir is a directory of the cache's own. It is created if needed.
	Dir string
	// Size is how many bytes the files may have. With less than a chunk nothing is kept.
	Size int64
	// KeepFree is how many bytes of the disk's free space are left to others. It is looked at every second.
	KeepFree int64
	// OnFailure, if set, is called when the disk begins to fail: once until it has worked again, for reads and
	// for writes apart. It must not block, and may be called by any goroutine, but not while Open runs.
	OnFailure func(error)
}

// Cache is a disk cache. A nil Cache is no cache: its methods do nothing, and stores over it are read as they
// are. All methods are safe for concurrent use.
type Cache struct {
	dir       string
	disk      disk
	lock      *flock.Flock
	onFailure func(error)

	entries, chunks  file
	reading, writing breaker
	counts           counters
	tasks            tasks
	worker, flying   sync.WaitGroup
	closing          chan struct{}

	mu       sync.Mutex // of what follows; never held while something is waited for
	index    *index
	size     int64
	keepFree int64
	spare    int64 // bytes that the files may still grow by, as far as the disk is concerned
	flights  map[place]*flight
	epochs   [epochs]uint32 // how often such objects have been deleted or begun anew
	ended    bool

	// The worker's own.
	headed     bool // the file of entries has its head
	unfinished int  // slots of objects that are being written
	savedPage  int  // where to go on with saving
}

// place is a chunk of an object.
type place struct {
	object key
	chunk  uint32
}

// Open opens the cache in a directory, with what is there from before. A directory that cannot be used, or that
// another live process uses, is an error of kind base.Config.
func Open(ctx context.Context, config Config) (*Cache, error) {
	return open(ctx, config, systemDisk())
}

func open(ctx context.Context, config Config, d disk) (*Cache, error) {
	if config.Size < 0 || config.KeepFree < 0 {
		return nil, base.Errorf(base.Config, "disk cache %s: size %d and free space to keep %d must not be negative",
			config.Dir, config.Size, config.KeepFree)
	}
	c := &Cache{
		dir: config.Dir, disk: d, onFailure: config.OnFailure, size: config.Size, keepFree: config.KeepFree,
		index: newIndex(), flights: map[place]*flight{}, closing: make(chan struct{}),
	}
	c.tasks.ready = make(chan struct{}, 1)
	if err := c.claim(); err != nil {
		return nil, err
	}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.lock.Close())
	}
	return c, nil
}

// claim makes the directory this process's.
func (c *Cache) claim() error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return base.Errorf(base.Config, "disk cache directory %s cannot be used: %w", c.dir, err)
	}
	c.lock = flock.New(filepath.Join(c.dir, lockName))
	ok, err := c.lock.TryLock()
	if err != nil {
		return base.Errorf(base.Config, "disk cache directory %s cannot be used: %w", c.dir, err)
	}
	if !ok {
		return base.Errorf(base.Config,
			"disk cache directory %s is in use by another live process: give each its own", c.dir)
	}
	return nil
}

// start opens the files, reads the entries and begins to work.
func (c *Cache) start(ctx context.Context) (err error) {
	for _, f := range []struct {
		name string
		to   *file
	}{{entriesName, &c.entries}, {chunksName, &c.chunks}} {
		if *f.to, err = c.disk.open(filepath.Join(c.dir, f.name)); err != nil {
			return errors.Join(base.Errorf(base.Config, "disk cache directory %s cannot be used: %w", c.dir, err),
				c.closeFiles())
		}
	}
	if err := c.load(ctx); err != nil {
		return errors.Join(err, c.closeFiles())
	}
	c.tasks.add(c.fit)
	c.worker.Go(c.work)
	return nil
}

func (c *Cache) closeFiles() (err error) {
	for _, f := range []file{c.entries, c.chunks} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	return err
}

// work does what is to be done with the files, and looks after them every second.
func (c *Cache) work() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-c.tasks.ready:
			c.tasks.run()
		case <-tick.C:
			c.fit()
			c.saveSome(pagesPerSecond)
		case <-c.closing:
			c.tasks.run()
			c.saveSome(len(c.index.pages))
			return
		}
	}
}

// SetLimits changes how large the cache may become and how much free space it leaves, in bytes. Negative limits
// are taken for 0. It returns before the files are smaller.
func (c *Cache) SetLimits(size, keepFree int64) {
	if c == nil {
		return
	}
	c.mu.Lock()
	c.size, c.keepFree = max(0, size), max(0, keepFree)
	c.mu.Unlock()
	c.tasks.add(c.fit)
}

// Close saves what has been used last and gives the directory free, after the requests under way have ended.
// Stores over the cache stay usable, without it. An error says that the files may be older than they should; it
// is no reason to fail.
func (c *Cache) Close() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	again := c.ended
	c.ended = true
	c.mu.Unlock()
	if again {
		return nil
	}
	c.flying.Wait()
	c.tasks.end()
	close(c.closing)
	c.worker.Wait()
	if err := errors.Join(c.closeFiles(), c.lock.Close()); err != nil {
		return fmt.Errorf("close disk cache %s: %w", c.dir, err)
	}
	return nil
}

// fail notes that the disk has failed, and says so if that is new.
func (c *Cache) fail(b *breaker, doing string, err error) {
	c.counts.failures.Add(1)
	if b.failed() && c.onFailure != nil {
		c.onFailure(fmt.Errorf("disk cache %s cannot be %s, the object store is read instead: %w", c.dir, doing, err))
	}
}

func (c *Cache) readFailed(err error)  { c.fail(&c.reading, "read", err) }
func (c *Cache) writeFailed(err error) { c.fail(&c.writing, "written", err) }
