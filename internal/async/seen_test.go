package async

import (
	"strings"
	"testing"
)

// seen is what a key's state has seen. It knows nothing of controller and model, only what an operator promises.
type seen struct {
	inside *entry
	record *entry // the last one that was not derived
	timer  *entry // the last one that was
}

// starts checks that a record may see its key's state now. By first access, the order is not that of arrival.
func (h *history) starts(e *entry) {
	if h.firstAccess {
		return
	}
	s := h.seen[e.key]
	if s == nil {
		s = &seen{}
		h.seen[e.key] = s
	}
	record, timer := s.record, s.timer
	switch {
	case s.inside != nil:
		h.fail("two records of key %d run at once", e.key)
	case e.pending > 0:
		h.fail("a record of key %d starts without what it reads", e.key)
	case !e.derived && record != nil && record.arrival > e.arrival:
		h.fail("a record of key %d overtakes another", e.key)
	case e.derived && timer != nil && timer.arrival > e.arrival:
		h.fail("a timer of key %d overtakes another", e.key)
	case !e.derived && timer != nil && timer.epoch >= e.epoch:
		h.fail("a timer of key %d fires before a record that came before its watermark", e.key)
	case e.derived && record != nil && !record.overtakes && record.epoch > e.epoch:
		h.fail("a record of key %d starts before a timer of the watermark before it", e.key)
	}
	s.inside = e
	if e.derived {
		s.timer = e
	} else {
		s.record = e
	}
}

func (h *history) stops(e *entry) {
	if s := h.seen[e.key]; s != nil {
		s.inside = nil
	}
}

func TestWhatAKeyMustNotSeeIsFound(t *testing.T) {
	record := func(arrival, epoch int) *entry { return &entry{arrival: arrival, epoch: epoch} }
	overtaking := &entry{arrival: 3, epoch: 1, overtakes: true}
	timer := func(arrival, epoch int) *entry { return &entry{arrival: arrival, epoch: epoch, derived: true} }
	for _, c := range []struct {
		order []*entry
		fault string
	}{
		{[]*entry{record(1, 0), record(2, 0), timer(4, 0), timer(5, 0), record(3, 1)}, ""},
		{[]*entry{record(1, 0), overtaking, timer(2, 0)}, ""},
		{[]*entry{record(1, 0), record(3, 1), timer(2, 0)}, "before a timer of the watermark"},
		{[]*entry{record(2, 0), record(1, 0)}, "a record of key 0 overtakes"},
		{[]*entry{timer(2, 0), timer(1, 0)}, "a timer of key 0 overtakes"},
		{[]*entry{timer(2, 0), record(1, 0)}, "fires before a record"},
		{[]*entry{{arrival: 1, pending: 1}}, "without what it reads"},
	} {
		h := &history{m: &model{}, seen: map[Key]*seen{}}
		for _, e := range c.order {
			h.starts(e)
			h.stops(e)
		}
		if (h.fault == "") != (c.fault == "") || !strings.Contains(h.fault, c.fault) {
			t.Errorf("found %q, want %q", h.fault, c.fault)
		}
	}
	h := &history{m: &model{}, seen: map[Key]*seen{}}
	h.starts(record(1, 0))
	h.starts(record(2, 0))
	if !strings.Contains(h.fault, "at once") {
		t.Errorf("found %q of two at once", h.fault)
	}
}
