package lsm

import (
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider/remoteobjcat"
	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"
)

// A database is opened from files that are written here, in memory: Pebble's manifest with one edit, and its
// catalog of remote objects. That way the tree of any list, cut or put together, is there at once with all its
// levels and sequence numbers. Pebble's own way in, ingestion, reads tables to choose a level, and Checkpoint
// carries the history of edits and the objects' creators along.
const (
	directory    = "shard"
	manifestFile = "MANIFEST-000001"
	firstNumber  = 10 // of objects; those below are the manifest's, the log's and Pebble's
	creator      = objstorage.CreatorID(1)
	typeTable    = 2 // base.FileTypeTable
)

// Tags of a manifest's edit (Pebble's and RocksDB's format on disk).
const (
	tagComparator     = 1
	tagLogNumber      = 2
	tagNextFileNumber = 3
	tagLastSequence   = 4
	tagNewTable       = 103
	tagNewBacking     = 105
	tagTableEnd       = 1
	tagVirtual        = 66
)

// writeFiles writes all files that Pebble opens the state from.
func writeFiles(fs vfs.FS, s state) error {
	if err := fs.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	if err := writeManifest(fs, encodeEdit(s)); err != nil {
		return err
	}
	if err := mark(fs, "format-version", formatMajor.String()); err != nil {
		return err
	}
	if err := mark(fs, "manifest", manifestFile); err != nil {
		return err
	}
	return writeCatalog(fs, s.objects)
}

func writeManifest(fs vfs.FS, edit []byte) error {
	f, err := fs.Create(fs.PathJoin(directory, manifestFile), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	w := record.NewWriter(f)
	_, err = w.WriteRecord(edit)
	return errors.Join(err, w.Close(), f.Close())
}

func mark(fs vfs.FS, name, value string) error {
	m, _, err := atomicfs.LocateMarker(fs, directory, name)
	if err != nil {
		return err
	}
	return errors.Join(m.Move(value), m.Close())
}

// writeCatalog tells Pebble the names of objects. All are foreign: Pebble does not count references to them.
func writeCatalog(fs vfs.FS, objects []Object) error {
	c, _, err := remoteobjcat.Open(fs, directory)
	if err != nil {
		return err
	}
	var batch remoteobjcat.Batch
	for i, o := range objects {
		m := remoteobjcat.RemoteObjectMetadata{
			FileType:         typeTable,
			CleanupMethod:    objstorage.SharedNoCleanup,
			Locator:          knownObjects,
			CustomObjectName: o.Name,
		}
		setNumber(&m.FileNum, firstNumber+i)
		batch.AddObject(m)
	}
	return errors.Join(c.SetCreatorID(creator), c.ApplyBatch(batch), c.Close())
}

// setNumber sets a number whose type Pebble keeps to itself.
func setNumber[T ~uint64](to *T, n int) { *to = T(n) }

// edit is an edit of a manifest as bytes.
type edit []byte

func (e *edit) number(numbers ...uint64) {
	for _, n := range numbers {
		*e = binary.AppendUvarint(*e, n)
	}
}

func (e *edit) bytes(p []byte) {
	e.number(uint64(len(p)))
	*e = append(*e, p...)
}

func (e *edit) bound(b bound) {
	e.number(uint64(len(b.Key)) + 8)
	*e = append(*e, b.Key...)
	*e = binary.LittleEndian.AppendUint64(*e, b.Trailer)
}

// encodeEdit describes the whole state. A table that is all of its object has the object's number, a part has
// one of its own.
func encodeEdit(s state) []byte {
	var e edit
	next := uint64(firstNumber + len(s.objects))
	seq := uint64(0)
	parts := make([]bool, len(s.objects))
	for _, t := range s.tables {
		seq = max(seq, t.MaxSeq)
		parts[t.Object] = parts[t.Object] || t.Virtual
	}
	e.number(tagComparator)
	e.bytes([]byte(pebble.DefaultComparer.Name))
	e.number(tagLogNumber, 2)
	e.number(tagNextFileNumber, next+uint64(len(s.tables)))
	for i, o := range s.objects {
		if parts[i] {
			e.number(tagNewBacking, uint64(firstNumber+i), uint64(o.Bytes))
		}
	}
	e.number(tagLastSequence, seq)
	for i, t := range s.tables {
		e.table(t, next+uint64(i))
	}
	return e
}

func (e *edit) table(t table, number uint64) {
	object := uint64(firstNumber + t.Object)
	if !t.Virtual {
		number = object
	}
	e.number(tagNewTable, uint64(t.Level), number, t.Size)
	e.bound(t.Smallest)
	e.bound(t.Largest)
	e.number(t.MinSeq, t.MaxSeq)
	if t.Virtual {
		e.number(tagVirtual, object)
	}
	e.number(tagTableEnd)
}
