package nexmark

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
)

func TestPartsTakeTheEventsInTurn(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := drawConfig(rt)
		parts := rapid.IntRange(1, 9).Draw(rt, "parts")
		whole := texts(readAll(t, New(c), 0, 1))
		for part := range parts {
			var want []string
			for e := part; e < len(whole); e += parts {
				want = append(want, whole[e])
			}
			if got := texts(readAll(t, New(c), part, parts)); !slices.Equal(got, want) {
				rt.Fatalf("part %d of %d has %d events, or others than every %dth from %d on",
					part, parts, len(got), parts, part)
			}
		}
	})
}

// restored reads from where a reader stands, as a later process does.
func restored[T any](t testing.TB, s flow.Source[T], split flow.Split, r flow.Reader[T]) []T {
	t.Helper()
	split.Position = slices.Clone(r.Position())
	return rest(t, open(t, s, split))
}

func TestAReaderRestoredAnywhereReadsTheSameRest(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := drawConfig(rt)
		parts := rapid.IntRange(1, 5).Draw(rt, "parts")
		part := rapid.IntRange(0, parts-1).Draw(rt, "part")
		s := New(c)
		split := discover(t, s, parts)[part]
		r := open(t, s, split)
		read(t, r, newBatch[Event](rapid.IntRange(0, 800).Draw(rt, "read")))
		got := texts(restored(t, s, split, r))
		if want := texts(rest(t, r)); !slices.Equal(got, want) {
			rt.Fatalf("from position %s: %d events, want %d", r.Position(), len(got), len(want))
		}
	})
}

func TestBidsAreRestoredAtAnyPosition(t *testing.T) {
	s := Bids(Config{Events: 300})
	split := discover(t, s, 2)[1]
	for n := range 150 {
		r := open(t, s, split)
		read(t, r, newBatch[Bid](n))
		if got, want := restored(t, s, split, r), rest(t, r); !slices.Equal(got, want) {
			t.Fatalf("after a batch of %d: %d bids, want %d", n, len(got), len(want))
		}
	}
}

func TestAPositionOfAnotherReleaseIsUnderstood(t *testing.T) {
	s := New(Config{Events: 100})
	split := discover(t, s, 4)[3]
	split.Position = []byte("43") // the form is frozen: it lies in checkpoints
	got := texts(rest(t, open(t, s, split)))
	want := texts(readAll(t, New(Config{Events: 100}), 0, 1))
	if len(got) != 15 || got[0] != want[43] || got[14] != want[99] {
		t.Errorf("%d events, first %s", len(got), got[0])
	}
}

func TestSplitsAreDiscoveredOnceInTheLifeOfAJob(t *testing.T) {
	first := discover(t, New(Config{Events: 10}), 2)
	for _, parallelism := range []int{1, 2, 5} {
		again, err := New(Config{Events: 10}).Discover(context.Background(), flow.Known{
			Parallelism: parallelism,
			Has: func(id string) bool {
				return slices.ContainsFunc(first, func(s flow.Split) bool { return s.ID == id })
			},
		})
		if err != nil || len(again.Splits) > 0 || again.Again != 0 {
			t.Errorf("restored at parallelism %d: %d new splits, again %v, error %v",
				parallelism, len(again.Splits), again.Again, err)
		}
	}
}

func TestASourceThatIsNewInARestoredJobHasItsSplits(t *testing.T) {
	found, err := New(Config{}).Discover(context.Background(), flow.Known{
		Parallelism: 3, First: false, Has: func(string) bool { return false },
	})
	if err != nil || len(found.Splits) != 3 {
		t.Errorf("%d splits, error %v", len(found.Splits), err)
	}
}

func TestOnlyAStreamWithAnEndHasBoundedSplits(t *testing.T) {
	for _, c := range []Config{{}, {Events: 1}} {
		for _, split := range discover(t, New(c), 3) {
			if split.Bounded != (c.Events > 0) {
				t.Errorf("%d events: split %s has Bounded %v", c.Events, split.ID, split.Bounded)
			}
		}
	}
}

func TestAStreamWithoutEndGoesOn(t *testing.T) {
	s := New(Config{})
	split := discover(t, s, 1)[0]
	split.Position = []byte("9007199254740992") // 2^53
	b := newBatch[Event](100)
	if status := read(t, open(t, s, split), b); status != flow.More || len(b.Rows) != 100 {
		t.Errorf("status %v, %d events", status, len(b.Rows))
	}
}

func TestMorePartsThanEventsEndAtOnce(t *testing.T) {
	for part := range 5 {
		want := 0
		if part < 2 {
			want = 1
		}
		r := openPart(t, New(Config{Events: 2}), part, 5)
		b := newBatch[Event](10)
		if status := read(t, r, b); status != flow.End || len(b.Rows) != want {
			t.Errorf("part %d: status %v with %d events, want the end with %d", part, status, len(b.Rows), want)
		}
	}
}

func TestReadAddsToTheBatchWhatItHasRoomFor(t *testing.T) {
	r := openPart(t, New(Config{Events: 100}), 0, 1)
	mark := Event{Time: -1}
	b := newBatch[Event](5)
	b.Append(mark, -1)
	if status := read(t, r, b); status != flow.More || len(b.Rows) != 5 || cap(b.Rows) != 5 || b.Rows[0] != mark {
		t.Errorf("status %v, %d rows in a batch for 5", status, len(b.Rows))
	}
	if status := read(t, r, b); status != flow.More || len(b.Rows) != 5 || string(r.Position()) != "4" {
		t.Errorf("a full batch: status %v, %d rows, position %s", status, len(b.Rows), r.Position())
	}
}

func TestReadMakesRoomForTimesItself(t *testing.T) {
	events := &flow.Batch[Event]{Rows: make([]Event, 0, 60)}
	read(t, openPart(t, New(Config{}), 0, 1), events)
	bids := &flow.Batch[Bid]{Rows: make([]Bid, 0, 60)}
	read(t, openPart(t, Bids(Config{}), 0, 1), bids)
	if len(events.Times) != 60 || len(bids.Times) != len(bids.Rows) {
		t.Errorf("%d times of 60 events, %d times of %d bids", len(events.Times), len(bids.Times), len(bids.Rows))
	}
}

func TestMistakesInTheConfigurationAreToldBeforeAnythingRuns(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   string
	}{
		{Config{Events: -1}, "events is -1"},
		{Config{Events: 1<<53 + 1}, "events is 9007199254740993"},
		{Config{Rate: -5}, "rate is -5"},
		{Config{Group: -2}, "group is -2"},
		{Config{Speed: -1}, "speed is -1"},
		{Config{Speed: math.NaN()}, "speed is NaN"},
		{Config{Group: 1 << 32}, "group is 4294967296"},
	} {
		_, err := New(c.config).Discover(context.Background(), flow.Known{Parallelism: 1, First: true})
		wantError(t, err, base.Config, c.want)
		_, err = New(c.config).Open(context.Background(), flow.Split{Spec: []byte("{}")})
		wantError(t, err, base.Config, c.want)
	}
}

func TestACheckpointIsNotContinuedWithOtherEvents(t *testing.T) {
	split := discover(t, New(Config{Events: 100}), 1)[0]
	for _, c := range []Config{
		{}, {Events: 101}, {Events: 100, Seed: 2}, {Events: 100, Rate: 1}, {Events: 100, Group: 2},
	} {
		_, err := New(c).Open(context.Background(), split)
		wantError(t, err, base.Config, "go on with the former configuration")
	}
	if _, err := New(Config{Events: 100, Pace: true}).Open(context.Background(), split); err != nil {
		t.Errorf("the pace may change: %v", err)
	}
}

func TestADamagedSplitIsRefused(t *testing.T) {
	s := New(Config{Events: 100})
	for _, c := range []struct{ name, spec, position, want string }{
		{"no spec", "", "", "is not one of this source"},
		{"part beyond parts", `{"part":2,"parts":2}`, "", "part 2 of 2"},
		{"no parts", `{}`, "", "part 0 of 0"},
		{"position of another part", string(discover(t, s, 2)[1].Spec), "4", "does not belong to part 1 of 2"},
		{"position not a number", string(discover(t, s, 1)[0].Spec), "x", `"x" is not an event number`},
		{"negative position", string(discover(t, s, 1)[0].Spec), "-1", `"-1" is not an event number`},
	} {
		t.Run(c.name, func(t *testing.T) {
			split := flow.Split{ID: "part-0", Spec: []byte(c.spec)}
			if c.position != "" {
				split.Position = []byte(c.position)
			}
			_, err := s.Open(context.Background(), split)
			wantError(t, err, base.Corrupt, c.want)
		})
	}
}

func wantError(t *testing.T, err error, kind base.Kind, part string) {
	t.Helper()
	if err == nil || base.KindOf(err) != kind || !strings.Contains(err.Error(), part) {
		t.Errorf("error %v of kind %v, want kind %v with %q", err, base.KindOf(err), kind, part)
	}
}

func TestReadersOfOneSourceRunAtTheSameTime(t *testing.T) {
	const parts = 4
	s := New(Config{Events: 4000})
	splits := discover(t, s, parts)
	got := make([][]Event, parts)
	var wg sync.WaitGroup
	for part, split := range splits {
		r := open(t, s, split)
		wg.Go(func() {
			b := newBatch[Event](1001)
			if _, err := r.Read(context.Background(), b); err != nil {
				t.Error(err)
			}
			got[part] = b.Rows
		})
	}
	wg.Wait()
	var all []string
	for i := range 1000 {
		for part := range parts {
			all = append(all, string(got[part][i].AppendText(nil)))
		}
	}
	if want := texts(readAll(t, s, 0, 1)); !slices.Equal(all, want) {
		t.Error("the parts differ from the whole")
	}
}
