package checkpoint

import (
	"io"
	"maps"
	"slices"
	"testing"
)

// stepBug falsifies what a coordinator decides.
type stepBug func(c *Coordinator, e Event, a []Action, late bool) []Action

// bug falsifies what a coordinator does, what a life is told when it begins, or what its tasks are assigned.
type bug struct {
	step   stepBug
	start  func(w *world, b *beginning)
	assign func(b *beginning)
}

// bugs of the protocol.
var stepBugs = map[string]stepBug{
	"stores without the last ack": func(c *Coordinator, _ Event, a []Action, _ bool) []Action {
		if len(c.pending) == 1 && c.phase == taking {
			c.phase = storing
			return append(a, Store{c.last, c.reason})
		}
		return a
	},
	"commits before it is stored": func(_ *Coordinator, e Event, a []Action, _ bool) []Action {
		for _, x := range a {
			if s, ok := x.(Store); ok {
				return append(a, Commit{s.Checkpoint})
			}
		}
		return a
	},
	"uses a number again": func(c *Coordinator, _ Event, a []Action, _ bool) []Action {
		for _, x := range a {
			if _, ok := x.(Abort); ok {
				c.last--
			}
		}
		return a
	},
	"retires the newest": func(_ *Coordinator, _ Event, a []Action, _ bool) []Action {
		for i, x := range a {
			if r, ok := x.(Retire); ok {
				a[i] = Retire{r.Keep[:max(1, len(r.Keep))-1]}
			}
		}
		return a
	},
	"finishes before the commit": func(c *Coordinator, _ Event, a []Action, _ bool) []Action {
		if c.closing != "" && len(c.commits) > 0 {
			return append(a, Finished{c.closing})
		}
		return a
	},
	"answers before it is stored": func(c *Coordinator, _ Event, a []Action, _ bool) []Action {
		for _, x := range a {
			if s, ok := x.(Store); ok {
				return append(a, c.answer(s.Checkpoint, "")...)
			}
		}
		return a
	},
	"forgets one who waits": func(c *Coordinator, _ Event, a []Action, _ bool) []Action {
		if len(c.waiting) == 2 {
			c.waiting = c.waiting[1:]
		}
		return a
	},
	"answers with the next one's number": func(_ *Coordinator, _ Event, a []Action, _ bool) []Action {
		for i, x := range a {
			if n, ok := x.(Answer); ok && n.Checkpoint > 0 {
				n.Checkpoint++
				a[i] = n
			}
		}
		return a
	},
	"counts a savepoint among those that are retired": func(c *Coordinator, _ Event, a []Action, _ bool) []Action {
		for i, x := range a {
			if r, ok := x.(Retire); ok && c.reason.Kept() {
				a[i] = Retire{append(r.Keep, c.last)}
			}
		}
		return a
	},
	"begins one while another is taken": func(c *Coordinator, _ Event, a []Action, _ bool) []Action {
		if len(c.waiting) > 0 && c.phase == taking {
			return append(a, c.begin())
		}
		return a
	},
	"forgets a commit": func(c *Coordinator, _ Event, a []Action, _ bool) []Action {
		if len(c.commits) == 2 {
			c.commits = c.commits[1:]
		}
		return a
	},
	"begins another one after the last": func(c *Coordinator, e Event, a []Action, _ bool) []Action {
		if _, ok := e.(Stored); ok && c.closing != "" && c.phase == idle {
			return append(a, c.begin())
		}
		return a
	},
	"commits the newest first": func(c *Coordinator, _ Event, a []Action, _ bool) []Action {
		if !c.committing {
			slices.Reverse(c.commits)
		}
		return a
	},
	"goes on after the end": func(c *Coordinator, _ Event, a []Action, _ bool) []Action {
		if c.phase == over && len(c.commits) > 0 {
			return append(a, Commit{c.commits[0]})
		}
		return a
	},
	"tells nobody that the tasks have ended": func(_ *Coordinator, e Event, a []Action, _ bool) []Action {
		if _, ok := e.(Ended); ok {
			return nil
		}
		return a
	},
	"never tries a failed commit again": func(c *Coordinator, e Event, a []Action, _ bool) []Action {
		if _, ok := e.(CommitFailed); ok {
			c.committing = true
		}
		return a
	},
	"counts an acknowledgement of an earlier life": func(c *Coordinator, e Event, a []Action, late bool) []Action {
		if ack, ok := e.(Ack); ok && late {
			return append(a, c.ack(Ack{c.last, ack.Task})...)
		}
		return a
	},
	"gives up because of an earlier life": func(c *Coordinator, e Event, a []Action, late bool) []Action {
		if _, ok := e.(Decline); ok && late && c.phase == taking {
			return append(a, c.abort("declined")...)
		}
		return a
	},
	"takes an earlier life's checkpoint for its own": func(c *Coordinator, e Event, a []Action, late bool) []Action {
		if _, ok := e.(Stored); ok && late {
			return append(a, c.stored(Stored{c.last})...)
		}
		return a
	},
}

// bugs of restarts.
var startBugs = map[string]bug{
	"uses a number again that a life before has stored": {start: func(_ *world, b *beginning) {
		b.last = b.from.number - min(b.from.number, 1)
	}},
	"uses a number again that a life before has given up": {start: func(w *world, b *beginning) {
		b.last = w.head.number
	}},
	"uses a number again that late messages still speak of": {start: func(w *world, b *beginning) {
		w.unique, w.first, b.last = true, w.newest, w.newest
	}},
	"goes on from an older checkpoint than the newest": {start: func(w *world, b *beginning) {
		if n := len(w.manifests); n > 1 && w.manifests[n-1] == b.from {
			b.from = w.manifests[n-2]
		}
	}},
	"forgets a savepoint that is the newest checkpoint": {start: func(w *world, b *beginning) {
		if n := len(w.manifests); n > 0 {
			b.from = w.manifests[n-1]
		}
	}},
	"does not repeat the commit": {start: func(_ *world, b *beginning) { b.recover = false }},
	"forgets what is retained":   {start: func(_ *world, b *beginning) { b.retained = nil }},
	"gives a key group to two tasks": {assign: func(b *beginning) {
		if len(b.keyed) > 1 {
			b.keyed[0].Range.End++
		}
	}},
	"gives a key group to no task": {assign: func(b *beginning) { b.keyed[0].Range.End-- }},
	"opens one shard of several": {assign: func(b *beginning) {
		if s := b.keyed[0].Shards; len(s) > 1 {
			b.keyed[0].Shards = s[:1]
		}
	}},
	"takes all of a shard that it shares": {assign: func(b *beginning) {
		for i, s := range b.keyed[0].Shards {
			s.Range.End = groups
			b.keyed[0].Shards[i] = s
		}
	}},
	"reads a split twice": {assign: func(b *beginning) {
		last := len(b.sources) - 1
		b.sources[last].Splits = append(b.sources[last].Splits, b.sources[0].Splits[0])
	}},
	"loses a state of the sink": {assign: func(b *beginning) { b.keyed[0].SinkStates = b.keyed[0].SinkStates[1:] }},
}

func TestPlantedBugsAreFound(t *testing.T) {
	all := maps.Clone(startBugs)
	for name, step := range stepBugs {
		all[name] = bug{step: step}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		broken, seed := "", uint64(0)
		for ; seed < 100 && broken == ""; seed++ {
			w, _ := history(seed, all[name], io.Discard)
			broken = w.broken
		}
		if broken == "" {
			t.Errorf("the bug that %s is not found in 100 histories", name)
		}
		t.Logf("%s: history %d: %s", name, seed, broken)
	}
}
