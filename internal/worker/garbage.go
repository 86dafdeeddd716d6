package worker

import (
	"sync"

	"github.com/aquifer-stream/aquifer/internal/lsm"
)

// garbage finds the objects that an attempt has written and that no checkpoint will ever name.
type garbage struct {
	mu     sync.Mutex
	tables map[string]int64 // tables that have been written and not been found, with the number of their set
	found  []string
	older  []string // found before the last checkpoint: no read that had begun then is still under way
}

// wrote says that the tables of a set have been written.
func (g *garbage) wrote(number int64, tables []lsm.TableInfo) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, t := range tables {
		g.tables[t.Name] = number
	}
}

// named says what a checkpoint names that was taken when all shards had the sets up to a number: a table of
// these that it does not name has been compacted away. That is found out whether or not an earlier one named it,
// because that one may never have been stored. What is found now is returned.
func (g *garbage) named(lists map[*shard]lsm.List, upTo int64) (found []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	needed := map[string]bool{}
	for _, l := range lists {
		for _, o := range l.Objects {
			needed[o.Name] = true
		}
	}
	for name, number := range g.tables {
		if number <= upTo && !needed[name] {
			found = append(found, name)
			delete(g.tables, name)
		}
	}
	g.found = append(g.found, found...)
	return found
}

// unused says what a shard has stopped to need before the list of a checkpoint was made.
func (g *garbage) unused(names []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.found = append(g.found, names...)
}

// take returns what had been found when it was called before.
func (g *garbage) take() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := g.older
	g.older, g.found = g.found, nil
	return all
}
