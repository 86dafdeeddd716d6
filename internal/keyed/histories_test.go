package keyed

import (
	"flag"
	"testing"
	"time"
)

var histories = flag.Uint64("keyed.histories", 1, "how many times as many random histories are run")

// tellEach tells n random histories, or as many times n as are asked for, until one goes wrong: it returns what.
func tellEach(t *testing.T, n uint64, history func(t testing.TB, seed uint64) (wrong string)) {
	t.Helper()
	first := uint64(time.Now().UnixNano())
	t.Logf("seeds from %d", first)
	for seed := first; seed < first+n**histories; seed++ {
		if wrong := history(named{t, seed}, seed); wrong != "" {
			t.Fatalf("seed %d: %s", seed, wrong)
		}
	}
}

// named says what seed a history had that failed on its way.
type named struct {
	*testing.T
	seed uint64
}

func (n named) Fatal(args ...any) {
	n.Helper()
	n.T.Fatal(append([]any{"seed", n.seed}, args...)...)
}

func (n named) Fatalf(format string, args ...any) {
	n.Helper()
	n.T.Fatalf("seed %d: "+format, append([]any{n.seed}, args...)...)
}
