package lsm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/sstable/block"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// MaxTableSize is the size in bytes at which a table ends and the next begins; a few blocks may follow.
const MaxTableSize = 64 << 20

// mostEntries is at how many entries a table ends although it is smaller: its filter is one block of 640 KiB then, and
// Pebble keeps none that is larger than a part of its cache.
const mostEntries = 1 << 19

// TableInfo describes a table.
type TableInfo struct {
	// Name is that of the object.
	Name string
	// Bytes is its length, Entries the number of its changes.
	Bytes, Entries int64
	// CRC is the CRC-32C of the whole object.
	CRC uint32
	// Keys holds all of its keys and ranges to delete: Start is the first key, End lies behind the last.
	Keys Range
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Tables of all origins have the same blocks, format and filter: a shard reads them with one set of options.
const (
	blockSize     = 32 << 10
	tableFormat   = sstable.TableFormatPebblev7
	filterBits    = bloom.FilterPolicy(10)
	formatVersion = 7 // tableFormat as the footer of a table has it
)

func writerOptions() sstable.WriterOptions {
	return sstable.WriterOptions{
		BlockSize:    blockSize,
		TableFormat:  tableFormat,
		Compression:  block.SnappyCompression,
		FilterPolicy: filterBits,
	}
}

// TableSet writes one sorted stream of changes into as many tables as it takes. It belongs to one goroutine,
// and ends with Finish or Abort.
type TableSet struct {
	ctx     context.Context
	objects objstore.Store
	newName func() string
	size    int64
	uploads uploads

	object *object
	writer *sstable.Writer
	expiry expiryMapper
	done   []TableInfo
	n      int64
	keys   Range  // of the table at hand; its End grows with the ranges to delete
	last   []byte // its last key
}

// NewTableSet returns an empty set; newName names its tables. Up to five of them are uploaded at a time.
func NewTableSet(ctx context.Context, objects objstore.Store, newName func() string) *TableSet {
	return &TableSet{ctx: ctx, objects: objects, size: MaxTableSize, newName: newName, uploads: newUploads()}
}

// EndAt makes tables end at a size in bytes, a few blocks more or less, and not at MaxTableSize.
func (s *TableSet) EndAt(size int64) { s.size = size }

// Set gives a key, which is not empty, a value. Keys come in ascending order, each once.
func (s *TableSet) Set(key, value []byte) error {
	if err := s.begin(key); err != nil {
		return err
	}
	s.note(key)
	s.expiry.note(value)
	return s.wrap(s.writer.Set(key, value))
}

// Delete removes a key that older tables may have.
func (s *TableSet) Delete(key []byte) error {
	if err := s.begin(key); err != nil {
		return err
	}
	s.note(key)
	s.expiry.note(nil)
	return s.wrap(s.writer.Delete(key))
}

// DeleteRange removes the keys from start to before end that older tables have. Ranges come in ascending
// order and before all keys.
func (s *TableSet) DeleteRange(start, end []byte) error {
	if err := s.begin(start); err != nil {
		return err
	}
	s.n++
	s.keys.note(start, end)
	return s.wrap(s.writer.DeleteRange(start, end))
}

// note counts a key and keeps the first and the last one of the table at hand.
func (s *TableSet) note(key []byte) {
	if s.keys.Start == nil || bytes.Compare(key, s.keys.Start) < 0 {
		s.keys.Start = append([]byte{}, key...)
	}
	s.last = append(s.last[:0], key...)
	s.n++
}

// begin makes sure that there is a table with room for a key. Pebble's writer panics on blocks of empty keys.
func (s *TableSet) begin(key []byte) error {
	if len(key) == 0 {
		return base.Errorf(base.Config, "an empty key cannot be in a table")
	}
	if s.writer != nil && (s.object.written.Load() >= s.size || s.n >= mostEntries) {
		if err := s.end(); err != nil {
			return err
		}
	}
	if s.writer != nil {
		return nil
	}
	if s.uploads.good.Err() != nil {
		return s.uploads.Wait()
	}
	name := s.newName()
	w, err := s.objects.Create(s.ctx, name)
	if err != nil {
		return err
	}
	s.n, s.keys, s.last = 0, Range{}, nil
	s.object = &object{name: name, w: w}
	options := writerOptions()
	options.BlockPropertyCollectors = []func() sstable.BlockPropertyCollector{s.expiry.collector}
	s.writer = sstable.NewWriter(upload{s.object, s.uploads}, options)
	return nil
}

func (s *TableSet) wrap(err error) error {
	if err != nil {
		return fmt.Errorf("table %s: %w", s.object.name, err)
	}
	return nil
}

// end finishes the table at hand, but for its upload.
func (s *TableSet) end() error {
	w, o := s.writer, s.object
	s.writer, s.object = nil, nil
	if err := w.Close(); err != nil {
		return fmt.Errorf("table %s: %w", o.name, err)
	}
	if s.last != nil {
		s.keys.note(s.keys.Start, append(s.last, 0))
	}
	s.done = append(s.done, TableInfo{Name: o.name, Bytes: o.written.Load(), Entries: s.n, CRC: o.crc, Keys: s.keys})
	return nil
}

// Finish makes the tables durable and returns them in order; none if there were no changes.
func (s *TableSet) Finish() ([]TableInfo, error) {
	if s.writer != nil {
		if err := s.end(); err != nil {
			return nil, err
		}
	}
	if err := s.uploads.Wait(); err != nil {
		return nil, err
	}
	return s.done, nil
}

// Abort drops the table at hand. Tables that were finished before are left to the collector.
func (s *TableSet) Abort() {
	if s.writer != nil {
		s.object.Abort()
		_ = s.writer.Close() // fails, having ended the goroutine that writes blocks
		s.writer, s.object = nil, nil
	}
	_ = s.uploads.Wait()
}

// object passes a table on to the object store and keeps count. It implements objstorage.Writable. Pebble writes
// blocks from a goroutine of its own, so Abort may come during a Write.
type object struct {
	name    string
	w       objstore.Writer
	written atomic.Int64

	mu    sync.Mutex
	crc   uint32
	ended bool
}

var errEnded = errors.New("table has been closed")

// Write passes on p, which the caller may change afterwards.
func (o *object) Write(p []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return errEnded
	}
	o.crc = crc32.Update(o.crc, castagnoli, p)
	n, err := o.w.Write(p)
	o.written.Add(int64(n))
	return err
}

// Finish makes the object durable.
func (o *object) Finish() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return errEnded
	}
	o.ended = true
	return o.w.Finish()
}

// Abort drops the object.
func (o *object) Abort() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.ended {
		o.ended = true
		o.w.Abort()
	}
}
