package channel

import (
	"encoding/binary"
	"fmt"
	"slices"

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
		dst = base.AppendBytes(dst, batch)
	}
	return dst
}

// Lines reads what AppendLines wrote. The batches are as readBatch returns them; a batch without bytes is none.
func Lines(
	src []byte, readBatch func(input int, src []byte) (batch any, err error),
) (generations [][]Line, err error) {
	r := base.NewReader(src)
	generations = make([][]Line, r.Count())
	for g := range generations {
		generations[g] = make([]Line, r.Count())
		for i := range generations[g] {
			if err := readLine(r, &generations[g][i], readBatch); err != nil {
				return nil, err
			}
		}
	}
	if r.Bad() || r.Len() > 0 {
		return nil, errLines
	}
	return generations, nil
}

// Together are the generations of several receivers as those of one. They may have had different numbers of them: the
// last ones were those of their gates, and belong together. One that had fewer has a part in those before, too, without
// messages: what the others go on with there brings no watermark that its own rows are behind.
func Together(receivers ...[][]Line) (all [][]Line) {
	most := 0
	for _, generations := range receivers {
		most = max(most, len(generations))
	}
	all = make([][]Line, most)
	for _, generations := range receivers {
		earlier := most - len(generations)
		for g := range all {
			if g >= earlier {
				all[g] = append(all[g], generations[g-earlier]...)
			} else if len(generations) > 0 {
				all[g] = append(all[g], resting(generations[0])...)
			}
		}
	}
	return all
}

// resting are lines without their messages: they agree on what they had come to.
func resting(lines []Line) []Line {
	all := slices.Clone(lines)
	for i := range all {
		all[i].Messages = nil
	}
	return all
}

var errLines = base.Errorf(base.Corrupt, "rows in flight are damaged: they do not end where they should")

func readLine(r *base.Reader, l *Line, readBatch func(input int, src []byte) (any, error)) error {
	l.Channel = -1
	l.Input, l.Subtask = int(r.Uvarint()), int(r.Uvarint())
	l.Idle, l.Watermark = Status(r.Byte()) == Idle, r.Varint()
	l.Messages = make([]Message, r.Count())
	for i := range l.Messages {
		m := &l.Messages[i]
		m.Status, m.Watermark = Status(r.Byte()), r.Varint()
		if batch := r.Bytes(); len(batch) > 0 {
			var err error
			if m.Batch, err = readBatch(l.Input, batch); err != nil {
				return fmt.Errorf("rows in flight: %w", err)
			}
		}
	}
	if r.Bad() {
		return errLines
	}
	return nil
}
