package lsm

import (
	"bytes"
	"fmt"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// Range is the keys from Start up to, but not including, End.
type Range struct {
	Start, End []byte
}

// check refuses a range without keys.
func (r Range) check() error {
	if bytes.Compare(r.Start, r.End) >= 0 {
		return base.Errorf(base.Config, "range %s has no keys: its end must be above its start", r)
	}
	return nil
}

// String is the range as [start,end).
func (r Range) String() string { return fmt.Sprintf("[%q,%q)", r.Start, r.End) }

// clip returns what r and o share; ok is false if they share nothing.
func (r Range) clip(o Range) (shared Range, ok bool) {
	if bytes.Compare(r.Start, o.Start) < 0 {
		r.Start = o.Start
	}
	if bytes.Compare(r.End, o.End) > 0 {
		r.End = o.End
	}
	return r, bytes.Compare(r.Start, r.End) < 0
}

// note makes the range wide enough for start and end, which it copies.
func (r *Range) note(start, end []byte) {
	if r.Start == nil || bytes.Compare(start, r.Start) < 0 {
		r.Start = append([]byte{}, start...)
	}
	if bytes.Compare(end, r.End) > 0 {
		r.End = append([]byte{}, end...)
	}
}
