package operator

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestAnErrorOfACallNamesOperatorRecordAndTime(t *testing.T) {
	for name, with := range map[string]error{"broken": errBroken, "panic: it panics": errPanic} {
		asks(t, inOrder, nil, func(t *testing.T, r *serviceRig) {
			r.rows(6, 7)
			err := r.fails(7, with)
			mustSay(t, err, `operator "ask", subtask 0, record 7, event time 1970-01-01T00:00:00.07Z: `+name)
			if !errors.Is(err, with) {
				t.Error(err)
			}
			if u := (*UserError)(nil); errors.As(err, &u) && (u.Stack != nil) != (with == errPanic) {
				t.Errorf("stack %q", u.Stack)
			}
			r.out.expect(t, "")
		})
	}
}

func TestALongRecordIsShownInPart(t *testing.T) {
	row := struct{ Text string }{strings.Repeat("ä", 500)}
	got := shown(&row)
	if !strings.HasPrefix(got, "{Text:ää") || !strings.HasSuffix(got, "ä…") || len(got) > mostShown+len("…") {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}

func TestACallThatTakesTooLongFails(t *testing.T) {
	asks(t, AsyncConfig{Capacity: 9, Timeout: time.Second}, nil, func(t *testing.T, r *serviceRig) {
		r.rows(1, 2)
		must(t, r.passes(time.Second-1))
		r.answers(1)
		err := r.passes(1)
		mustSay(t, err, `operator "ask"`, "record 2", "no result within 1s: context deadline exceeded")
		if !errors.Is(err, context.DeadlineExceeded) || r.env.Stats.CallTimeouts.Load() != 1 {
			t.Errorf("%d timeouts: %v", r.env.Stats.CallTimeouts.Load(), err)
		}
	})
}

func TestAFunctionMayGoOnWithoutAResult(t *testing.T) {
	fn := &patient{}
	asks(t, AsyncConfig{Capacity: 9, Timeout: time.Second}, fn, func(t *testing.T, r *serviceRig) {
		r.rows(1, 2)
		r.answers(2)
		must(t, r.passes(time.Second))
		r.out.expect(t, "1 later@10 much@10 2@20")
		fn.fail = errBroken
		r.rows(3)
		mustSay(t, r.passes(time.Second), "record 3", "broken")
	})
}

func TestTheTimeOfARowIncludesAllItsAttempts(t *testing.T) {
	c := AsyncConfig{Capacity: 9, Timeout: time.Second, Retry: Retry{Attempts: 9, Backoff: time.Hour}}
	asks(t, c, nil, func(t *testing.T, r *serviceRig) {
		r.rows(1)
		must(t, r.passes(time.Second/2))
		must(t, r.fails(1, errBroken))
		mustSay(t, r.passes(time.Second/2), "record 1", "no result within 1s: broken")
	})
}

func TestACallIsMadeAgainAfterAWaitThatGrows(t *testing.T) {
	c := AsyncConfig{Capacity: 9, Retry: Retry{Attempts: 5, Backoff: time.Second, MaxBackoff: 3 * time.Second}}
	asks(t, c, nil, func(t *testing.T, r *serviceRig) {
		r.rows(1)
		for _, longest := range []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second} {
			must(t, r.fails(1, errBroken))
			r.underWay("")
			must(t, r.passes(longest/2-1))
			r.underWay("")
			must(t, r.passes(longest/2+1))
			r.underWay("1")
		}
		if n := r.env.Stats.CallRetries.Load(); n != 4 {
			t.Errorf("%d retries", n)
		}
		r.out.expect(t, "")
		mustSay(t, r.fails(1, errBroken), "record 1", "after 5 attempts: broken")
	})
}

func TestACallThatSucceedsInTheEndHasNotFailed(t *testing.T) {
	asks(t, AsyncConfig{Capacity: 9, Retry: Retry{Attempts: 2}}, nil, func(t *testing.T, r *serviceRig) {
		r.rows(1)
		must(t, r.fails(1, errBroken))
		r.answers(1)
		r.out.expect(t, "1@10")
	})
}

func TestOnlyErrorsThatAreWorthItAreTriedAgain(t *testing.T) {
	c := AsyncConfig{Capacity: 9, Retry: Retry{Attempts: 9, If: func(err error) bool { return err == errBroken }}}
	asks(t, c, nil, func(t *testing.T, r *serviceRig) {
		r.rows(1)
		must(t, r.fails(1, errBroken))
		err := r.fails(1, errors.New("no such thing"))
		mustSay(t, err, "after 2 attempts: no such thing")
	})
	asks(t, c, nil, func(t *testing.T, r *serviceRig) {
		r.rows(1)
		mustSay(t, r.fails(1, errPanic), "panic: it panics")
	})
}
