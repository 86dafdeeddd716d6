package worker

import (
	"slices"
	"sync"

	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/lsm"
)

// lingering are the objects that shards have stopped to need, and that reads which had begun before may still read.
type lingering struct {
	mu     sync.Mutex
	named  map[string]bool // by the last lists
	behind []fenced
}

// fenced are objects that are read by nobody when all fences have been passed.
type fenced struct {
	names  map[string]bool
	passed []func() bool
}

// begin says what the shards begin with.
func (l *lingering) begin(m *checkpoint.Manifest) {
	l.named = map[string]bool{}
	if m != nil {
		for _, t := range m.Tables() {
			l.named[t.Name] = true
		}
	}
}

// lists says what the shards need from now on, which tables were found not to be needed, and the fences of all shards.
func (l *lingering) lists(lists map[*shard]lsm.List, found []string, passed []func() bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := fenced{l.named, passed}
	for _, name := range found {
		before.names[name] = true
	}
	l.named = map[string]bool{}
	for _, list := range lists {
		for _, o := range list.Objects {
			l.named[o.Name] = true
			delete(before.names, o.Name)
		}
	}
	l.behind = slices.DeleteFunc(append(l.behind, before), fenced.over)
}

// over reports whether nobody reads the objects.
func (f fenced) over() bool {
	return len(f.names) == 0 || !slices.ContainsFunc(f.passed, func(passed func() bool) bool { return !passed() })
}

// has reports whether an object may still be read.
func (l *lingering) has(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.named[name] || slices.ContainsFunc(l.behind, func(f fenced) bool { return f.names[name] && !f.over() })
}
