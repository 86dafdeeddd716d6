package channel

import (
	"encoding/binary"
	"fmt"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// AppendLines appends what Lines reads. Batches are written by appendBatch, by the
// input of their line.
func AppendLines(
	dst []byte, generations [][]Line, appendBatch func(input int, dst []byte, batch any) []byte,
) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(generations)))
	for _, lines := range generations {
		dst = binary.AppendUvarint(dst, uint64(len(lines)))
		for i := range lines {
			dst = appendLine(dst, &lines[i], appendBatch)
		}
	}
	return dst
}

func appendLine(dst []byte, l *Line, appendBatch func(input int, dst []byte, batch any) []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(l.Input))
	dst = binary.AppendUvarint(dst, uint64(l.Subtask))
	status := Active
	if l.Idle {
		status = Idle
	}
	dst = binary.AppendVarint(append(dst, byte(status)), l.Watermark)
	dst = binary.AppendUvarint(dst, uint64(len(l.Messages)))
	var batch []byte
	for _, m := range l.Messages {
		dst = binary.AppendVarint(append(dst, byte(m.Status)), m.Watermark)
		batch = batch[:0]
		if m.Batch != nil {
			batch = appendBatch(l.Input, batch, m.Batch)
		}
		dst = binary.AppendUvarint(dst, uint64(len(batch)))
		dst = append(dst, batch...)
	}
	return dst
}

// Lines reads what AppendLines wrote. The batches are as readBatch returns them; a batch without bytes is none.
func Lines(
	src []byte, readBatch func(input int, src []byte) (batch any, err error),
) (generations [][]Line, err error) {
	r := reader{src: src}
	generations = make([][]Line, r.count())
	for g := range generations {
		generations[g] = make([]Line, r.count())
		for i := range generations[g] {
			if err := r.line(&generations[g][i], readBatch); err != nil {
				return nil, err
			}
		}
	}
	if r.bad || len(r.src) > 0 {
		return nil, errLines
	}
	return generations, nil
}

var errLines = base.Errorf(base.Corrupt, "rows in flight are damaged: they do not end where they should")

// reader takes bytes apart. Once they are bad all that follows is zero.
type reader struct {
	src []byte
	bad bool
}

func (r *reader) line(l *Line, readBatch func(input int, src []byte) (any, error)) error {
	l.Channel = -1
	l.Input, l.Subtask = int(r.uvarint()), int(r.uvarint())
	l.Idle, l.Watermark = Status(r.byte()) == Idle, r.varint()
	l.Messages = make([]Message, r.count())
	for i := range l.Messages {
		m := &l.Messages[i]
		m.Status, m.Watermark = Status(r.byte()), r.varint()
		if batch := r.bytes(); len(batch) > 0 {
			var err error
			if m.Batch, err = readBatch(l.Input, batch); err != nil {
				return fmt.Errorf("rows in flight: %w", err)
			}
		}
	}
	if r.bad {
		return errLines
	}
	return nil
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.src)
	return taken(r, v, n)
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.src)
	return taken(r, v, n)
}

func taken[T any](r *reader, v T, n int) (none T) {
	if n <= 0 {
		r.bad, r.src = true, nil
		return none
	}
	r.src = r.src[n:]
	return v
}

// count is a number of things that take a byte each at least.
func (r *reader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.src)) {
		r.bad, r.src = true, nil
		return 0
	}
	return int(n)
}

func (r *reader) byte() byte {
	if len(r.src) == 0 {
		r.bad = true
		return 0
	}
	return taken(r, r.src[0], 1)
}

func (r *reader) bytes() []byte {
	n := r.count()
	b := r.src[:n]
	r.src = r.src[n:]
	return b
}
