package operator

import "sync"

// LiveTables is the set of tables that running operators count on. A table belongs to it from before it
// is created until a checkpoint that does without it has been stored: the collector spares its members.
// Its methods are safe for concurrent use.
type LiveTables struct {
	mu    sync.Mutex
	names map[string]struct{}
}

// NewLiveTables returns an empty set.
func NewLiveTables() *LiveTables { return &LiveTables{names: map[string]struct{}{}} }

// Add puts a name into the set.
func (l *LiveTables) Add(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.names[name] = struct{}{}
}

// Drop removes a name.
func (l *LiveTables) Drop(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.names, name)
}

// Has reports whether the name is in the set.
func (l *LiveTables) Has(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.names[name]
	return ok
}
