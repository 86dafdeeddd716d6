package lsm

import (
	"context"
	"fmt"
	"hash/crc32"

	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/sstable/block"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// MaxTableSize is the size in bytes at which a table ends and the next begins.
const MaxTableSize = 64 << 20

// TableInfo describes a table.
type TableInfo struct {
	// Name is that of the object.
	Name string
	// Bytes is its length, Entries the number of its changes.
	Bytes, Entries int64
	// CRC is the CRC-32C of the whole object.
	CRC uint32
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func writerOptions() sstable.WriterOptions {
	return sstable.WriterOptions{
		BlockSize:   32 << 10,
		TableFormat: sstable.TableFormatPebblev4,
		Compression: block.SnappyCompression,
	}
}

// TableSet writes one sorted stream of changes into as many tables as it takes. It belongs to one goroutine,
// and ends with Finish or Abort.
type TableSet struct {
	ctx     context.Context
	objects objstore.Store
	newName func() string

	object *object
	writer *sstable.Writer
	done   []TableInfo
	n      int64
}

// NewTableSet returns an empty set; newName names its tables.
func NewTableSet(ctx context.Context, objects objstore.Store, newName func() string) *TableSet {
	return &TableSet{ctx: ctx, objects: objects, newName: newName}
}

// Set gives a key a value. Keys come in ascending order, each once.
func (s *TableSet) Set(key, value []byte) error {
	if err := s.begin(); err != nil {
		return err
	}
	return s.wrap(s.writer.Set(key, value))
}

// Delete removes a key that older tables may have.
func (s *TableSet) Delete(key []byte) error {
	if err := s.begin(); err != nil {
		return err
	}
	return s.wrap(s.writer.Delete(key))
}

// DeleteRange removes the keys from start to before end that older tables have. Ranges come in ascending
// order and before all keys.
func (s *TableSet) DeleteRange(start, end []byte) error {
	if err := s.begin(); err != nil {
		return err
	}
	return s.wrap(s.writer.DeleteRange(start, end))
}

// begin makes sure that there is a table with room.
func (s *TableSet) begin() error {
	s.n++
	if s.writer != nil && s.object.written >= MaxTableSize {
		if err := s.end(); err != nil {
			return err
		}
	}
	if s.writer != nil {
		return nil
	}
	name := s.newName()
	w, err := s.objects.Create(s.ctx, name)
	if err != nil {
		return err
	}
	s.n = 1
	s.object = &object{name: name, w: w}
	s.writer = sstable.NewWriter(s.object, writerOptions())
	return nil
}

func (s *TableSet) wrap(err error) error {
	if err != nil {
		return fmt.Errorf("table %s: %w", s.object.name, err)
	}
	return nil
}

// end finishes the table at hand.
func (s *TableSet) end() error {
	w, o := s.writer, s.object
	s.writer, s.object = nil, nil
	if err := w.Close(); err != nil {
		return fmt.Errorf("table %s: %w", o.name, err)
	}
	s.done = append(s.done, TableInfo{Name: o.name, Bytes: o.written, Entries: s.n, CRC: o.crc})
	return nil
}

// Finish makes the tables durable and returns them in order; none if there were no changes.
func (s *TableSet) Finish() ([]TableInfo, error) {
	if s.writer != nil {
		if err := s.end(); err != nil {
			return nil, err
		}
	}
	return s.done, nil
}

// Abort drops the table at hand. Tables that were finished before are left to the collector.
func (s *TableSet) Abort() {
	if s.writer != nil {
		s.object.Abort()
		s.writer, s.object = nil, nil
	}
}

// object passes a table on to the object store and keeps count. It implements objstorage.Writable.
type object struct {
	name    string
	w       objstore.Writer
	written int64
	crc     uint32
	ended   bool
}

// Write passes on p, which the caller may change afterwards.
func (o *object) Write(p []byte) error {
	o.crc = crc32.Update(o.crc, castagnoli, p)
	n, err := o.w.Write(p)
	o.written += int64(n)
	return err
}

// Finish makes the object durable.
func (o *object) Finish() error {
	o.ended = true
	return o.w.Finish()
}

// Abort drops the object.
func (o *object) Abort() {
	if !o.ended {
		o.ended = true
		o.w.Abort()
	}
}
