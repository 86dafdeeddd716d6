package soak

import (
	"fmt"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/file"
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/state"
)

// Build adds to a job all that it does: it visits the plan's keys and writes the totals into a directory, at the end.
func Build(job *aquifer.Job, plan Plan, out string) {
	keyOf := func(row *int64) int64 { return plan.At(*row).Key }
	visits := aquifer.KeyBy(aquifer.From(job, "rows", rows{plan}), keyOf)
	entries := aquifer.Process(visits, "ledger", func() aquifer.ProcessFunc[int64, entry] { return &ledger{plan: plan} })
	totals := aquifer.Process(aquifer.KeyBy(entries, func(e *entry) int64 { return e.Bucket }), "totals",
		func() aquifer.ProcessFunc[entry, Total] { return &summer{} })
	aquifer.To(totals, "out", file.WriteNDJSON[Total](out))
}

const (
	// mapped is which keys have a map of their last visits, chronicled which ones a list of all: one of so many. What
	// of maps and lists is not in memory is read by itself, and not with the other keys of a batch.
	mapped, chronicled = 16, 64
	// remembered is how many visits a map holds.
	remembered = 4
	// buckets is the number of totals.
	buckets = 16
)

// ledger keeps a record for each key, and checks at each visit that it is what the row says that it must be.
type ledger struct {
	plan      Plan
	record    state.Value[Record]
	recent    state.Map[int64, int64] // the numbers of the last visits, by themselves modulo remembered
	chronicle state.List[int64]       // the numbers of all visits
}

// Open declares the state.
func (l *ledger) Open(s *state.Scope) (err error) {
	if l.record, err = state.NewValue[Record](s, "record"); err != nil {
		return err
	}
	if l.recent, err = state.NewMap[int64, int64](s, "recent"); err != nil {
		return err
	}
	l.chronicle, err = state.NewList[int64](s, "chronicle")
	return err
}

// Process visits a key.
func (l *ledger) Process(ctx *aquifer.Context, row *int64, out aquifer.Collector[entry]) error {
	v := l.plan.At(*row)
	if err := l.check(ctx, v); err != nil {
		return fmt.Errorf("row %d: %w", *row, err)
	}
	count := v.Before + 1
	err := l.record.Set(ctx, recordOf(v.Key, count, l.plan.Payload))
	if err == nil && v.Key%mapped == 0 {
		err = l.recent.Set(ctx, count%remembered, count)
	}
	if err == nil && v.Key%chronicled == 0 {
		err = l.chronicle.Append(ctx, count)
	}
	out.Emit(entryOf(v.Key, count))
	return err
}

// check compares the state of a key with what a visit must find.
func (l *ledger) check(ctx *aquifer.Context, v Visit) error {
	r, _, err := l.record.Get(ctx)
	if err == nil {
		err = r.check(v.Key, v.Before, l.plan.Payload)
	}
	if err == nil && v.Key%mapped == 0 {
		err = l.checkRecent(ctx, v)
	}
	if err == nil && v.Key%chronicled == 0 {
		err = l.checkChronicle(ctx, v)
	}
	return err
}

func (l *ledger) checkRecent(ctx *aquifer.Context, v Visit) error {
	last, _, err := l.recent.Get(ctx, v.Before%remembered)
	if err == nil && last != v.Before {
		err = fmt.Errorf("key %d: the map says visit %d, want %d", v.Key, last, v.Before)
	}
	return err
}

func (l *ledger) checkChronicle(ctx *aquifer.Context, v Visit) error {
	all, err := l.chronicle.All(ctx)
	if err != nil {
		return err
	}
	n := int64(0)
	for count := range all {
		if n++; count != n {
			return fmt.Errorf("key %d: visit %d in the list is %d", v.Key, n, count)
		}
	}
	if n != v.Before {
		return fmt.Errorf("key %d: the list has %d visits, want %d", v.Key, n, v.Before)
	}
	return nil
}

// entry is what a visit adds to the total of a bucket of keys.
type entry struct {
	Bucket int64
	Sum    uint64
}

func entryOf(key, count int64) entry {
	return entry{key % buckets, mix(uint64(key)<<16 ^ uint64(count))}
}

// Total is the result for one key of some: the visits, and a sum over which visits they were.
type Total struct {
	Bucket int64  `json:"bucket"`
	Visits int64  `json:"visits"`
	Sum    uint64 `json:"sum"`
}

func (t *Total) add(e entry) { t.Bucket, t.Visits, t.Sum = e.Bucket, t.Visits+1, t.Sum+e.Sum }

// Totals are what a job must write, in the order of buckets.
func (p Plan) Totals() []Total {
	all := make([]Total, min(buckets, p.Parts*p.Keys))
	for row := range p.Rows() {
		v := p.At(row)
		e := entryOf(v.Key, v.Before+1)
		all[e.Bucket].add(e)
	}
	return all
}

// summer sums up the entries of a bucket until the input ends.
type summer struct{ total state.Value[Total] }

// Open declares the state.
func (s *summer) Open(scope *state.Scope) (err error) {
	s.total, err = state.NewValue[Total](scope, "total")
	return err
}

// Process adds an entry.
func (s *summer) Process(ctx *aquifer.Context, e *entry, _ aquifer.Collector[Total]) error {
	first := false
	err := s.total.Update(ctx, func(t *Total) {
		first = t.Visits == 0
		t.add(*e)
	})
	if err != nil || !first {
		return err
	}
	return ctx.RegisterEventTimer(flow.EndOfTime)
}

// OnTimer emits the total, at the end of the input.
func (s *summer) OnTimer(ctx *aquifer.Context, _ aquifer.Timer, out aquifer.Collector[Total]) error {
	t, _, err := s.total.Get(ctx)
	out.Emit(t)
	return err
}
