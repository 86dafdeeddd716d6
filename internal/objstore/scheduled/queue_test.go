package scheduled

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

const (
	record     = objstore.Record
	checkpoint = objstore.Checkpoint
	compaction = objstore.Compaction
	warmUp     = objstore.WarmUp
)

// tight limits have room for six requests, two of them for whoever is the most urgent.
var tight = Limits{Total: 6, Most: [objstore.Purposes]int{6, 4, 2, 1}, Least: [objstore.Purposes]int{1, 1, 1, 1}}

// stepped is a queue whose requests are told apart by the order in which they came.
type stepped struct {
	queue
	names   map[*ticket]string
	tickets map[string]*ticket
}

func newStepped(l Limits) *stepped {
	return &stepped{queue{limits: l}, map[*ticket]string{}, map[string]*ticket{}}
}

// come lets a request arrive and returns the names of those that begin.
func (s *stepped) come(name string, p objstore.Purpose) []string {
	t := &ticket{purpose: p}
	s.names[t], s.tickets[name] = name, t
	return s.named(s.arrive(t))
}

func (s *stepped) named(granted []*ticket) (names []string) {
	for _, t := range granted {
		names = append(names, s.names[t])
	}
	return names
}

func wantGranted(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: granted %q, want %q", what, got, want)
	}
}

func TestWithRoomARequestBeginsAtOnce(t *testing.T) {
	q := newStepped(tight)
	for p := range objstore.Purpose(objstore.Purposes) {
		wantGranted(t, p.String(), q.come(p.String(), p), p.String())
	}
}

func TestTheMostUrgentOfThoseThatWaitComesFirst(t *testing.T) {
	q := newStepped(tight)
	for i := range 3 {
		wantGranted(t, "reads", q.come(fmt.Sprint("r", i), record), fmt.Sprint("r", i))
	}
	wantGranted(t, "compactions", q.come("c0", compaction), "c0")
	wantGranted(t, "a compaction beyond its share", q.come("c1", compaction))
	wantGranted(t, "a checkpoint", q.come("k0", checkpoint), "k0")
	wantGranted(t, "another", q.come("k1", checkpoint))
	wantGranted(t, "a read", q.come("r3", record))
	wantGranted(t, "a read has ended", q.named(q.finish(record)), "r3")
	wantGranted(t, "a read has ended", q.named(q.finish(record)), "k1")
	wantGranted(t, "a read has ended", q.named(q.finish(record)), "c1")
}

func TestRequestsOfOnePurposeAreGrantedInTheirOrder(t *testing.T) {
	q := newStepped(tight)
	_ = q.come("c0", compaction)
	_ = q.come("c1", compaction)
	for _, name := range []string{"c2", "c3", "c4"} {
		wantGranted(t, name, q.come(name, compaction))
	}
	if !q.withdraw(q.tickets["c3"]) || q.withdraw(q.tickets["c3"]) || q.withdraw(q.tickets["c0"]) {
		t.Error("only what waits can be withdrawn, and once")
	}
	wantGranted(t, "one has ended", q.named(q.finish(compaction)), "c2")
	wantGranted(t, "one has ended", q.named(q.finish(compaction)), "c4")
}

func TestTheLeastUrgentHaveAShareHoweverManyReadsThereAre(t *testing.T) {
	q := newStepped(tight)
	for i := range 20 {
		_ = q.come(fmt.Sprint("r", i), record)
	}
	wantGranted(t, "a compaction", q.come("c", compaction), "c")
	wantGranted(t, "warming up", q.come("w", warmUp), "w")
	if q.running[record] != 3 {
		t.Errorf("%d reads are under way, of 6 requests with three kept for others", q.running[record])
	}
}

func TestAReadFindsRoomAtOnceHoweverManyOthersWait(t *testing.T) {
	q := newStepped(tight)
	for _, p := range []objstore.Purpose{checkpoint, compaction, warmUp} {
		for i := range 20 {
			_ = q.come(fmt.Sprint(p, i), p)
		}
	}
	wantGranted(t, "a read", q.come("r", record), "r")
	if q.take(checkpoint) {
		t.Error("a checkpoint overtook others")
	}
}

// Any history keeps the limits, wastes no room, and lets nothing pass that is more urgent and has room as well.
func TestAnyHistoryKeepsTheRules(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		var l Limits
		for p := range objstore.Purposes {
			l.Least[p] = 1 + rng.IntN(3)
			l.Most[p] = l.Least[p] + rng.IntN(4)
			l.Total += l.Least[p]
		}
		l.Total += rng.IntN(4)
		if err := l.Check(); err != nil {
			t.Fatal(err)
		}
		q := queue{limits: l}
		for range 200 {
			step(rng, &q)
			if fault := broken(&q); fault != "" {
				t.Fatalf("%s: %+v", fault, q)
			}
		}
	}
}

func step(rng *rand.Rand, q *queue) {
	p := objstore.Purpose(rng.IntN(objstore.Purposes))
	switch n := rng.IntN(4); {
	case n == 0 && q.running[p] > 0:
		q.finish(p)
	case n == 1 && len(q.waiting[p]) > 0:
		q.withdraw(q.waiting[p][rng.IntN(len(q.waiting[p]))])
	case n == 2:
		q.take(p)
	default:
		q.arrive(&ticket{purpose: p})
	}
}

func broken(q *queue) string {
	all := 0
	for p := range objstore.Purposes {
		all += q.running[p]
		if q.running[p] > q.limits.Most[p] || q.running[p] < 0 {
			return "too many of a purpose"
		}
		if len(q.waiting[p]) > 0 && (q.running[p] < q.limits.Least[p] || q.room(p)) {
			return "something waits although there is room"
		}
	}
	if all > q.limits.Total {
		return "too many in all"
	}
	return ""
}

func TestLimitsThatLetARequestWaitForEverAreRefused(t *testing.T) {
	for what, change := range map[string]func(*Limits){
		"nothing kept":        func(l *Limits) { l.Least[warmUp] = 0 },
		"more kept than most": func(l *Limits) { l.Least[warmUp] = 2 },
		"more kept than all":  func(l *Limits) { l.Total = 3 },
	} {
		l := tight
		change(&l)
		if _, err := New(nil, l); base.KindOf(err) != base.Config {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestACompactionRestsForAsLongAsItWorkedWhileOthersAreUrgent(t *testing.T) {
	const ms = time.Millisecond
	var p pace
	for _, c := range []struct {
		what        string
		took        []time.Duration
		busy, still bool
		want        time.Duration
	}{
		{"idle", []time.Duration{50 * ms}, false, false, 0},
		{"idle and then busy", []time.Duration{50 * ms}, false, true, 0},
		{"busy", []time.Duration{50 * ms}, true, true, 50 * ms},
		{"busy for several requests", []time.Duration{ms, 2 * ms, 3 * ms}, true, true, 6 * ms},
		{"busy for a moment", []time.Duration{4 * ms}, true, true, 0},
		{"busy for another one", []time.Duration{2 * ms}, true, true, 6 * ms},
		{"busy and then idle", []time.Duration{50 * ms}, true, false, 0},
		{"stuck", []time.Duration{time.Hour, time.Hour}, true, true, longestRest},
	} {
		for _, d := range c.took {
			p.worked(d, c.busy)
		}
		if got := p.rest(c.still); got != c.want {
			t.Errorf("%s: a rest of %v, want %v", c.what, got, c.want)
		}
		if got := p.rest(true); c.want > 0 && got != 0 {
			t.Errorf("%s: rested once, and then for %v", c.what, got)
		}
	}
}
