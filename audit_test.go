package aquifer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/checkpoint/store"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// audit is a store that watches for what must never be, whoever dies when: a manifest that names a table which is
// not there, and a head that names a manifest which is not there.
type audit struct {
	*mem.Store
	// hidden makes manifests seem to reach none of their tables, but for the newest: a planted bug.
	hidden bool
	// lost says that tables are there which have never been written: another.
	lost bool

	mu     sync.Mutex
	tables map[string][]string // by manifest
	wrong  []string
}

func newAudit() *audit { return &audit{Store: mem.New(), tables: map[string][]string{}} }

func isManifest(name string) bool {
	return strings.HasPrefix(name, "checkpoints/") || strings.HasPrefix(name, "savepoints/")
}

// must notes that an object is needed.
func (a *audit) must(name, by string) {
	if _, err := a.Stat(context.Background(), name); err != nil {
		a.wrong = append(a.wrong, fmt.Sprintf("%s needs %s: %v", by, name, err))
	}
}

func (a *audit) PutIfAbsent(ctx context.Context, name string, data []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.Store.PutIfAbsent(ctx, name, data); err != nil {
		return err
	}
	if !isManifest(name) {
		return nil
	}
	m, err := checkpoint.Decode[checkpoint.Manifest](data)
	if err != nil {
		return err
	}
	for _, t := range m.Tables() {
		a.tables[name] = append(a.tables[name], t.Name)
		a.must(t.Name, name)
	}
	return nil
}

func (a *audit) Swap(
	ctx context.Context, name string, old objstore.Version, data []byte,
) (objstore.Version, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	v, err := a.Store.Swap(ctx, name, old, data)
	if err != nil || name != "head" {
		return v, err
	}
	head, err := checkpoint.Decode[checkpoint.Head](data)
	if err == nil && head.Manifest != "" {
		a.must(head.Manifest, name)
	}
	if err == nil {
		for _, savepoint := range head.Savepoints {
			a.must(savepoint, name)
		}
	}
	return v, err
}

func (a *audit) Delete(ctx context.Context, name string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.Store.Delete(ctx, name); err != nil {
		return err
	}
	delete(a.tables, name)
	for manifest, tables := range a.tables {
		if slices.Contains(tables, name) {
			a.must(name, manifest)
		}
	}
	return nil
}

func (a *audit) Get(ctx context.Context, name string) ([]byte, objstore.Version, error) {
	data, v, err := a.Store.Get(ctx, name)
	if err != nil || !a.hidden || !isManifest(name) {
		return data, v, err
	}
	m, err := checkpoint.Decode[checkpoint.Manifest](data)
	if err != nil {
		return nil, "", err
	}
	for o := range m.Operators {
		for s := range m.Operators[o].Subtasks {
			m.Operators[o].Subtasks[s].Tables = nil
		}
	}
	data, err = checkpoint.Encode(m)
	return data, v, err
}

func (a *audit) Create(ctx context.Context, name string) (objstore.Writer, error) {
	w, err := a.Store.Create(ctx, name)
	if a.lost {
		w = unfinished{w}
	}
	return w, err
}

type unfinished struct{ objstore.Writer }

func (unfinished) Finish() error { return nil }

// collect deletes what no checkpoint needs, as an operator of the job would while nobody runs it, and says what is
// there that should not be.
func (a *audit) collect(t *testing.T, job string) (left string) {
	t.Helper()
	s, err := store.Open(t.Context(), a, job)
	if err != nil {
		return err.Error()
	}
	garbage, err := s.Garbage(t.Context())
	if err == nil {
		err = s.Delete(t.Context(), garbage)
	}
	if err != nil {
		return err.Error()
	}
	reached := map[string]bool{"head": true}
	entries, err := s.List(t.Context())
	if err != nil {
		return err.Error()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range entries {
		reached[e.Manifest] = true
		for _, table := range a.tables[e.Manifest] {
			reached[table] = true
		}
	}
	for o, err := range a.List(t.Context(), "") {
		if err != nil {
			return err.Error()
		}
		if !reached[o.Name] {
			return o.Name + " is left"
		}
	}
	return strings.Join(a.wrong, "; ")
}

// clone is what a crash at this moment leaves.
func (a *audit) clone() *audit {
	c := newAudit()
	c.Store, c.hidden, c.lost = a.Store.Clone(), a.hidden, a.lost
	a.mu.Lock()
	defer a.mu.Unlock()
	for manifest, tables := range a.tables {
		c.tables[manifest] = tables
	}
	return c
}

// head is the newest one; empty for none.
func (a *audit) head() checkpoint.Head {
	data, _, err := a.Store.Get(context.Background(), "head")
	if err != nil {
		return checkpoint.Head{}
	}
	head, err := checkpoint.Decode[checkpoint.Head](data)
	if err != nil {
		return checkpoint.Head{}
	}
	return *head
}
