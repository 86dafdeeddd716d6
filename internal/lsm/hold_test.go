package lsm

import "testing"

// held is the story of a shard under a hold that is off.
func held(t *testing.T, test func(t *testing.T, w *world, hold *Hold, settle func() Metrics)) {
	t.Helper()
	patience(t, func(t *testing.T, w *world, settle func() Metrics) {
		hold := &Hold{}
		must(t, w.shards[0].Close())
		var err error
		w.shards[0], err = OpenShard(hold.Under(t.Context()), w.res, "p/held", all)
		must(t, err)
		test(t, w, hold, settle)
	})
}

// look reads, so that the shard has reason to be shallow.
func (w *world) look() {
	must(w.t, w.shards[0].Read(w.t.Context(), [][]byte{[]byte("a")}, func(int, []byte) error { return nil }))
}

func TestUnderAHoldNothingIsCompactedAndNoTableWaits(t *testing.T) {
	held(t, func(t *testing.T, w *world, hold *Hold, settle func() Metrics) {
		hold.Set(true)
		w.look()
		w.deepen(deepest + 6)
		if m := settle(); m.Compactions != 0 || m.L0Sublevels < deepest+6 || m.IngestWait != 0 {
			t.Errorf("%+v", m)
		}
		w.check("while it is on")
		hold.Set(false)
		w.ingest(w.epoch())
		if m := settle(); m.Compactions == 0 || m.L0Sublevels >= 4 {
			t.Errorf("%+v after the hold", m)
		}
		w.check("after it")
	})
}

func TestAHoldThatIsOffHoldsNothing(t *testing.T) {
	held(t, func(t *testing.T, w *world, _ *Hold, settle func() Metrics) {
		w.deepen(6)
		w.look()
		if m := settle(); m.Compactions == 0 || m.L0Sublevels >= 4 {
			t.Errorf("%+v", m)
		}
	})
}
