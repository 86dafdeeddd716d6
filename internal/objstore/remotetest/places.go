package remotetest

import (
	"fmt"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

// places are the stories of this file.
var places = []story{
	{"TheProbeIsPassedWithAndWithoutAPrefix", theProbeIsPassedWithAndWithoutAPrefix},
	{"ListsOfManyPagesAreComplete", listsOfManyPagesAreComplete},
	{"AStoreIsWhatIsBeneathItsPrefix", aStoreIsWhatIsBeneathItsPrefix},
}

func theProbeIsPassedWithAndWithoutAPrefix(t *testing.T, k Subject) {
	for _, prefix := range []string{"", "p", "p/q"} {
		tell(t, k, func(t *testing.T, f *Fake, _ *remote.Store) {
			s := f.store(t, prefix)
			must(t, objstore.Probe(t.Context(), s))
			MustHold(t, s, "")
		})
	}
}

// Servers in tests make pages of 1000 objects at most.
func listsOfManyPagesAreComplete(t *testing.T, k Subject) {
	tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
		const objects = 1100
		for i := range objects {
			must(t, s.PutIfAbsent(t.Context(), fmt.Sprintf("many/%04d", i), nil))
		}
		next := 0
		for o, err := range s.List(t.Context(), "many/") {
			must(t, err)
			if o.Name != fmt.Sprintf("many/%04d", next) {
				t.Fatalf("%s stands at %d", o.Name, next)
			}
			next++
		}
		pages := f.counted(k.Kind.Requests.List)
		if next != objects || pages < 2 {
			t.Errorf("%d objects in %d pages", next, pages)
		}
		for range s.List(t.Context(), "many/") {
			break // asks for one page only
		}
		if more := f.counted(k.Kind.Requests.List) - pages; more != 1 {
			t.Errorf("%d pages", more)
		}
	})
}

// Stores in one bucket do not see one another.
func aStoreIsWhatIsBeneathItsPrefix(t *testing.T, k Subject) {
	tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
		must(t, f.store(t, "p2").PutIfAbsent(t.Context(), "x", nil))
		must(t, f.store(t, "").PutIfAbsent(t.Context(), "p/x", []byte("1")))
		MustHold(t, s, "x=1")
	})
}
