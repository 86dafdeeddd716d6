package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// process is a coordinator in a random history: alive, stalled for long, or deposed without knowing it.
type process struct {
	*Store
	objects *fault.Store
	next    uint64
	kept    []uint64
	tables  []string        // of its newest checkpoint
	live    map[string]bool // those that its operators count on
}

// past is what the rules of a random history are checked against.
type past struct {
	rng       *rand.Rand
	inner     objstore.Store // what is durable, without faults
	processes []*process
	terms     map[uint64]bool  // that have begun
	stamps    int64            // tells every attempt at a checkpoint from every other
	done      map[uint64]int64 // the stamps of completed Saves that must still be there
	kept      map[uint64]int64 // those of savepoints
	newest    map[int64]bool   // those of what the head may name
	bug       func(objstore.Store) objstore.Store
	broken    string
}

func (p *past) rule(holds bool, format string, args ...any) {
	if !holds && p.broken == "" {
		p.broken = fmt.Sprintf(format, args...)
	}
}

// trouble chooses faults, one in twelve requests.
func (p *past) trouble(op fault.Op, _ string, _ int) fault.Fault {
	switch {
	case p.rng.IntN(12) > 0:
		return fault.None
	case op.Writes() && p.rng.IntN(2) == 0:
		return fault.After
	}
	return fault.Before
}

// start opens the store as a new process does.
func (p *past) start(ctx context.Context) {
	objects := p.inner
	if p.bug != nil {
		objects = p.bug(objects)
	}
	c := &process{objects: fault.New(objects, p.trouble), live: map[string]bool{}}
	var err error
	if c.Store, err = Open(ctx, c.objects, job); err != nil || !p.restore(ctx, c) {
		return
	}
	term, err := c.BeginTerm(ctx)
	if err != nil {
		return
	}
	p.rule(!p.terms[term], "term %d has begun twice", term)
	p.terms[term] = true
	p.processes = append(p.processes, c)
}

// restore goes on from the latest checkpoint, as each attempt of a process does.
func (p *past) restore(ctx context.Context, c *process) bool {
	m, err := c.Latest(ctx)
	if err != nil {
		return false
	}
	last, all, err := c.Retained(ctx)
	if err != nil {
		return false
	}
	c.next, c.kept, c.tables = last+1, all, nil
	clear(c.live)
	if m == nil {
		return true
	}
	for _, t := range m.Tables() {
		c.tables = append(c.tables, t.Name)
		c.live[t.Name] = true
	}
	return true
}

// rules reports whether the process's term is the newest.
func (p *past) rules(ctx context.Context, c *process) bool {
	now, err := Inspect(ctx, p.inner)
	p.rule(err == nil, "the head: %v", err)
	return err == nil && now.head.Claim == c.head.Claim
}

// save takes a checkpoint with a new table and those of the last one, or, after a compaction, without.
func (p *past) save(ctx context.Context, c *process) {
	ruled := p.rules(ctx, c)
	id, tables := c.next, slices.Clone(c.tables)
	if len(tables) > 3 {
		tables = nil
	}
	c.next++
	p.stamps++
	table := fmt.Sprintf("%s%02x/%d-%d", checkpoint.TablePrefix, p.stamps%5, c.head.Term, p.stamps)
	c.live[table] = true
	if c.objects.PutIfAbsent(ctx, table, []byte("x")) != nil {
		return
	}
	tables = append(tables, table)
	m := manifest(c.Store, id)
	for _, name := range tables {
		m.Operators[0].Subtasks[0].Tables = append(m.Operators[0].Subtasks[0].Tables, checkpoint.Table{Name: name})
	}
	m.Created = p.stamps
	if p.rng.IntN(4) == 0 {
		m.Reason = checkpoint.ReasonSavepoint
	}
	err := c.Save(ctx, m)
	if err == nil {
		p.rule(ruled, "checkpoint %d was saved in term %d, which is over", id, m.Term)
		p.newest, c.tables = map[int64]bool{m.Created: true}, tables
		if m.Reason.Kept() {
			p.kept[id] = m.Created
		} else {
			p.done[id], c.kept = m.Created, append(c.kept, id)
		}
		clear(c.live)
		for _, name := range tables {
			c.live[name] = true
		}
	} else if ruled && strings.Contains(err.Error(), "could not be found out") {
		p.newest[m.Created] = true
	}
}

// retire keeps the last two.
func (p *past) retire(ctx context.Context, c *process) {
	keep := c.kept[max(0, len(c.kept)-2):]
	if p.rules(ctx, c) && len(keep) > 0 {
		for id := range p.done {
			if id < keep[len(keep)-1] && !slices.Contains(keep, id) {
				delete(p.done, id)
			}
		}
	}
	if c.Retire(ctx, keep, nobody, func(table string) bool { return c.live[table] }) == nil {
		c.kept = keep
	}
}

// remove deletes a savepoint, as a person does beside the job.
func (p *past) remove(ctx context.Context) {
	if len(p.kept) == 0 {
		return
	}
	id := slices.Sorted(maps.Keys(p.kept))[p.rng.IntN(len(p.kept))]
	objects := p.inner
	if p.bug != nil {
		objects = p.bug(objects)
	}
	err := DeleteSavepoint(ctx, fault.New(objects, p.trouble), id)
	delete(p.kept, id) // it may have been deleted, if it failed
	s, inspectErr := Inspect(ctx, p.inner)
	listed := inspectErr == nil && slices.ContainsFunc(s.head.Savepoints, func(name string) bool {
		n, _ := numberOf(name)
		return n == id
	})
	p.rule(err != nil || !listed, "savepoint %d was deleted and is listed", id)
}

// check reads what a process that starts now would find.
func (p *past) check(ctx context.Context) {
	s, err := Inspect(ctx, p.inner)
	if err != nil {
		p.rule(false, "the head: %v", err)
		return
	}
	m, err := s.Latest(ctx)
	p.rule(err == nil, "the latest: %v", err)
	if m != nil {
		p.rule(p.newest[m.Created], "the head names an attempt at checkpoint %d that had failed", m.Checkpoint)
		p.rule(p.whole(ctx, m), "tables of the newest checkpoint, %d, are missing", m.Checkpoint)
	} else {
		p.rule(len(p.done)+len(p.kept) == 0, "checkpoints %v were saved and none is there", p.done)
	}
	all := maps.Clone(p.done)
	maps.Copy(all, p.kept)
	for id, stamp := range all {
		m, err := s.Load(ctx, id)
		p.rule(err == nil && m.Created == stamp && p.whole(ctx, m), "checkpoint %d was saved: %+v, %v", id, m, err)
	}
}

func (p *past) whole(ctx context.Context, m *checkpoint.Manifest) bool {
	for _, t := range m.Tables() {
		if _, err := p.inner.Stat(ctx, t.Name); err != nil {
			return false
		}
	}
	return true
}

// history runs a random history and returns the first rule that was broken.
func history(ctx context.Context, seed uint64, bug func(objstore.Store) objstore.Store) string {
	p := &past{
		rng: rand.New(rand.NewPCG(seed, 0)), inner: mem.New(), bug: bug, terms: map[uint64]bool{},
		done: map[uint64]int64{}, kept: map[uint64]int64{}, newest: map[int64]bool{},
	}
	for step := 0; step < 120 && p.broken == ""; step++ {
		if len(p.processes) == 0 || p.rng.IntN(15) == 0 {
			p.start(ctx)
			continue
		}
		c := p.processes[len(p.processes)-1]
		if p.rng.IntN(6) == 0 { // one that should have ended long ago
			c = p.processes[p.rng.IntN(len(p.processes))]
		}
		switch n := p.rng.IntN(11); {
		case n < 6:
			p.save(ctx, c)
		case n < 9:
			p.retire(ctx, c)
		case n < 10:
			p.remove(ctx)
		default:
			p.restore(ctx, c)
		}
		p.check(ctx)
	}
	p.rule(len(p.newest) > 0, "nothing was ever saved")
	return p.broken
}

func TestWhateverFailsTheHeadNamesAWholeCheckpointAndNoneIsLost(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for i := range uint64(60) {
		if broken := history(t.Context(), seed+i, nil); broken != "" {
			t.Fatalf("seed %d: %s", seed+i, broken)
		}
	}
}

// lastWins replaces objects without looking at their version.
type lastWins struct{ objstore.Store }

func (s lastWins) Swap(
	ctx context.Context, name string, _ objstore.Version, data []byte,
) (objstore.Version, error) {
	_, now, err := s.Get(ctx, name)
	if err != nil && !errors.Is(err, objstore.ErrNotFound) {
		return "", err
	}
	return s.Store.Swap(ctx, name, now, data)
}

// forgetful says that it stored every tenth object, and did not.
type forgetful struct {
	objstore.Store
	n int
}

func (s *forgetful) PutIfAbsent(ctx context.Context, name string, data []byte) error {
	if s.n++; s.n%10 == 0 {
		return nil
	}
	return s.Store.PutIfAbsent(ctx, name, data)
}

// overzealous deletes the object before the one it is told to, too.
type overzealous struct{ objstore.Store }

func (s overzealous) Delete(ctx context.Context, name string) error {
	for o, err := range s.List(ctx, name[:strings.IndexByte(name, '/')]) {
		if err == nil && o.Name > name {
			return errors.Join(s.Store.Delete(ctx, o.Name), s.Store.Delete(ctx, name))
		}
	}
	return s.Store.Delete(ctx, name)
}

func TestTheHistoriesFindStoresThatBreakTheirContract(t *testing.T) {
	for name, bug := range map[string]func(objstore.Store) objstore.Store{
		"swaps whatever is there": func(s objstore.Store) objstore.Store { return lastWins{s} },
		"forgets objects":         func(s objstore.Store) objstore.Store { return &forgetful{Store: s} },
		"deletes too much":        func(s objstore.Store) objstore.Store { return overzealous{s} },
	} {
		found := ""
		for seed := uint64(0); seed < 50 && found == ""; seed++ {
			found = history(t.Context(), seed, bug)
		}
		if found == "" {
			t.Errorf("a store that %s passes", name)
		}
	}
}
