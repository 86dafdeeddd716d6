package task

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aquifer-stream/aquifer/internal/channel"
)

func TestATaskEndsWhenItsInputsDisagreeAboutACheckpoint(t *testing.T) {
	story(t, func(t *testing.T) {
		w := begin(t, 2, nil).opened()
		w.send(0, batch("x"), barrier(1))
		w.send(1, barrier(2))
		synctest.Wait()
		err := <-w.ended
		if err == nil || !strings.Contains(err.Error(), "Checkpoint:2") {
			t.Errorf("%v", err)
		}
		w.expect(t, "batch x", "close b", "close a") // and no snapshot
	})
}

func TestEveryFailureToCloseIsToldBesideTheEnd(t *testing.T) {
	story(t, func(t *testing.T) {
		a, b, done := errors.New("a is stuck"), errors.New("b is stuck"), errors.New("done")
		w := begin(t, 1, func(w *world, c *Config) {
			w.faults["close a"] = func() error { return a }
			w.faults["close b"] = func() error { return b }
		}).opened()
		w.cancel(done)
		err := <-w.ended
		for _, want := range []error{a, b, done} {
			if !errors.Is(err, want) {
				t.Errorf("%v is not in %v", want, err)
			}
		}
	})
}

func TestATaskThatCouldNotBeOpenedIsClosedAndSaysWhy(t *testing.T) {
	story(t, func(t *testing.T) {
		broken := errors.New("no connection")
		w := begin(t, 1, func(w *world, c *Config) {
			w.faults["open b"] = func() error { return broken }
		})
		if err := <-w.ended; !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
		w.expect(t, "open b", "close b", "close a")
	})
}

func TestABarrierWhoseOutputFailsIsNotReported(t *testing.T) {
	story(t, func(t *testing.T) {
		full := errors.New("nobody reads")
		w := begin(t, 1, func(w *world, c *Config) {
			w.faults["out 3 true"] = func() error { return full }
		}).opened()
		last := barrier(3)
		last.Barrier = &channel.Barrier{Checkpoint: 3, Last: true}
		w.send(0, last)
		if err := <-w.ended; !errors.Is(err, full) {
			t.Errorf("%v", err)
		}
		w.expect(t, "snapshot a 3", "snapshot b 3", "out 3 true", "close b", "close a")
	})
}
