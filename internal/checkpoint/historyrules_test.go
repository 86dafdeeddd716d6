package checkpoint

import (
	"fmt"
	"slices"
	"strings"
)

// rule notes the first rule that is broken.
func (w *world) rule(holds bool, format string, args ...any) {
	if !holds && w.broken == "" {
		w.broken = fmt.Sprintf(format, args...)
	}
}

// complete checks that each split goes on where the barrier was, and that each state of the sink was given once.
func (w *world) complete(i *image, reads, sink map[string]int) {
	for s, n := range i.before {
		at := fmt.Sprintf("%d@%d", s, n)
		w.rule(reads[at] == 1 && len(reads) == splits,
			"%d: split %s is read %d times: %v", i.number, at, reads[at], reads)
	}
	seen := map[string]int{}
	for joined, n := range sink {
		for _, t := range strings.Split(joined, ",") {
			seen[t] += n
		}
	}
	for t := range tokens {
		name := fmt.Sprint("t", t)
		w.rule(seen[name] == 1 && len(seen) == tokens, "%d: state %s was given %d times", i.number, name, seen[name])
	}
}

// act checks an action against the rules and lets the world answer, sooner or later or never.
func (w *world) act(a Action) {
	_, answers := a.(Answer)
	w.rule(!w.over || answers, "%#v after the end", a)
	switch a := a.(type) {
	case Begin:
		w.begin(a)
	case Store:
		w.rule(a.Checkpoint == w.underWay, "%d is stored, %d is under way", a.Checkpoint, w.underWay)
		w.rule(len(w.acked[a.Checkpoint]) == w.job.tasks(), "%d is stored after %d of %d acknowledgements",
			a.Checkpoint, len(w.acked[a.Checkpoint]), w.job.tasks())
		w.post(saving(a))
	case Commit:
		next := len(w.committed)
		w.rule(next < len(w.stored) && w.stored[next] == a.Checkpoint, "%d is committed, stored are %v, committed %v",
			a.Checkpoint, w.stored, w.committed)
		w.post(committing(a))
	case Abort:
		w.abort(a)
	case Retire:
		w.keep(a.Keep)
		w.post(retiring(a))
	case Answer:
		w.answer(a)
	case Fail:
		w.over = true
	case Finished:
		w.over, w.finished = true, a.Reason
		w.rule(len(w.stored) > 0 && len(w.stored) == len(w.committed), "finished with %v stored, %v committed",
			w.stored, w.committed)
		w.exactly(w.head)
	}
}

// begin sends triggers to the sources; some are lost.
func (w *world) begin(a Begin) {
	w.rule(a.Checkpoint > w.first, "number %d is not new: %d had been used", a.Checkpoint, w.first)
	w.rule(w.underWay == 0, "%d begins while %d is under way", a.Checkpoint, w.underWay)
	w.rule(!w.closed, "%d begins after the last", a.Checkpoint)
	w.underWay, w.first, w.last = a.Checkpoint, a.Checkpoint, max(w.last, a.Checkpoint)
	w.reasons[a.Checkpoint], w.cuts[a.Checkpoint] = a.Reason, &cut{}
	w.acked[a.Checkpoint] = map[int]bool{}
	for t := range w.job.sources {
		if !w.chance(40, "lost barrier") {
			w.post(trigger{a.Checkpoint, t, a.Reason.Last()})
		}
	}
}

// abort checks that a checkpoint is given up for what was said of it, and of no other.
func (w *world) abort(a Abort) {
	w.rule(a.Checkpoint == w.underWay, "%d is given up, %d is under way", a.Checkpoint, w.underWay)
	switch e := w.at.(type) {
	case Decline:
		w.rule(e.Checkpoint == a.Checkpoint, "%d is given up because %d was declined", a.Checkpoint, e.Checkpoint)
	case StoreFailed:
		w.rule(e.Checkpoint == a.Checkpoint, "%d is given up because %d was not stored", a.Checkpoint, e.Checkpoint)
	case Tick:
		w.faults["timeout"]++ // which follows from others
	}
	w.underWay = 0
	delete(w.parts, a.Checkpoint)
}

// keep checks what is not to be deleted: as many as are wanted of those that are no savepoints, the newest.
func (w *world) keep(keep []uint64) {
	var newest []uint64
	for _, i := range w.manifests[max(0, len(w.manifests)-w.c.Retain):] {
		newest = append(newest, i.number)
	}
	w.rule(slices.Equal(keep, newest), "%v are to be kept, the newest are %v", keep, newest)
}

// answer checks that whoever holds a ticket learns the truth, once.
func (w *world) answer(a Answer) {
	reason, asked := w.want[a.Ticket]
	w.rule(asked && !w.answered[a.Ticket], "ticket %d is answered again, or in another life", a.Ticket)
	w.answered[a.Ticket] = true
	w.rule((a.Checkpoint == 0) == (a.Failure != ""), "neither or both: %+v", a)
	if a.Checkpoint > 0 {
		w.rule(slices.Contains(w.stored, a.Checkpoint),
			"ticket %d hears of %d, which is not stored", a.Ticket, a.Checkpoint)
		w.rule(w.reasons[a.Checkpoint] == reason, "ticket %d for %s got a %s", a.Ticket, reason, w.reasons[a.Checkpoint])
	}
}
