package async

import "testing"

// batch is how many records are in flight in a benchmark.
const batch = 1024

// admitAll takes a batch through its life: its reads arrive in an order unlike that of admission.
func admitAll(c *Controller, ids []ID, keys, pending int, overtake bool) {
	for i := range ids {
		ids[i] = c.Admit(Key(i%keys), pending, overtake)
	}
	for i := range len(ids) * pending {
		c.Arrived(ids[(i*389)%len(ids)])
	}
	for id, ok := c.Next(); ok; id, ok = c.Next() {
		c.Done(id)
	}
}

func BenchmarkRecord(b *testing.B) {
	for _, bm := range []struct {
		name                    string
		inFlight, keys, pending int
	}{
		{"EachItsKey", batch, batch, 0}, {"OneKey", batch, 1, 0}, {"SixteenKeys", batch, 16, 0},
		{"EachItsKeyAndARead", batch, batch, 1}, {"MostInFlight", mostBound, mostBound, 1},
	} {
		b.Run(bm.name, func(b *testing.B) {
			c, ids := New(), make([]ID, bm.inFlight)
			admitAll(c, ids, bm.keys, bm.pending, false)
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; i += bm.inFlight {
				admitAll(c, ids, bm.keys, bm.pending, false)
			}
		})
	}
}

// One record after the other, as when a key is cold now and then.
func BenchmarkRecordAlone(b *testing.B) {
	c, key := New(), Key(0)
	b.ReportAllocs()
	for b.Loop() {
		key++
		c.Admit(key, 0, false)
		id, _ := c.Next()
		c.Done(id)
	}
}

// What every record pays on the fast path.
func BenchmarkBusyAndReady(b *testing.B) {
	c, key := New(), Key(0)
	for i := range batch {
		c.Admit(Key(3*i), 1, false)
	}
	free := 0
	for b.Loop() {
		key++
		if !c.Busy(key) && c.Ready(false) {
			free++
		}
	}
}

// An event with a timer for each of a batch of keys.
func BenchmarkTimer(b *testing.B) {
	c := New()
	b.ReportAllocs()
	for i := 0; i < b.N; i += batch {
		c.Close()
		c.Due()
		for k := range Key(batch) {
			c.Derive(k, 0)
		}
		c.Settle()
		for id, ok := c.Next(); ok; id, ok = c.Next() {
			c.Done(id)
		}
		c.Leave()
	}
}

// The table of keys against Go's map: a key comes and goes, while a thousand others stay.
func BenchmarkKeys(b *testing.B) {
	b.Run("Keys", func(b *testing.B) {
		t, key := newKeys(), Key(0)
		for i := range Key(batch) {
			t.add(i << 40)
		}
		for b.Loop() {
			key++
			t.add(key)
			t.find(key).count++
			t.remove(key)
		}
	})
	b.Run("Map", func(b *testing.B) {
		m, key := map[Key]line{}, Key(0)
		for i := range Key(batch) {
			m[i<<40] = line{}
		}
		for b.Loop() {
			key++
			m[key] = line{count: 1}
			l := m[key]
			l.count++
			m[key] = l
			delete(m, key)
		}
	})
}

func TestRecordsAreFreeOfAllocationInSteadyState(t *testing.T) {
	for _, overtake := range []bool{false, true} {
		c, ids := New(), make([]ID, batch)
		admitAll(c, ids, 100, 1, overtake)
		if n := testing.AllocsPerRun(10, func() {
			admitAll(c, ids, 100, 1, overtake)
			c.Close()
			c.Due()
			for k := range Key(100) {
				c.Derive(k, 0)
			}
			c.Settle()
			for id, ok := c.Next(); ok; id, ok = c.Next() {
				c.Done(id)
			}
			c.Leave()
		}); n > 0 {
			t.Errorf("overtaking %v: %v allocations for a batch", overtake, n)
		}
	}
}
