package task

import (
	"context"
	"reflect"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/channel"
)

// runSource is the loop of a task that reads a source. A source that has ended still emits barriers.
func (t *Task) runSource(ctx context.Context) error {
	for {
		select {
		case b := <-t.control:
			if err := t.inject(b); err != nil {
				return err
			}
			continue
		default:
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		status, err := t.Source.Step()
		if err != nil {
			return err
		}
		if err := t.tick(); err != nil {
			return err
		}
		if status == flow.More {
			continue
		}
		if status == flow.End && !t.ended && !t.stopped {
			t.ended = true
			t.Report.SourceEnded(t.ID)
		}
		if err := t.waitForInput(ctx, status); err != nil {
			return err
		}
	}
}

// inject makes the barrier part of the stream. Nothing is read after a last one.
func (t *Task) inject(b channel.Barrier) error {
	if b.Last {
		t.stopped = true
		t.Source.Stop()
	}
	err := t.barrier(b, nil)
	if !b.Overtake.IsZero() || b.Above > 0 {
		t.Urgency.Over()
	}
	return err
}

// waitForInput waits for rows, splits, a barrier to emit or the time of the next tick.
func (t *Task) waitForInput(ctx context.Context, status flow.Status) error {
	begin := time.Now()
	defer func() { t.Times.Idle.Add(int64(time.Since(begin))) }()
	cases := []reflect.SelectCase{receive(t.control), receive(t.wake), receive(ctx.Done())}
	if due := t.due(); !due.IsZero() {
		timer := time.NewTimer(time.Until(due))
		defer timer.Stop()
		cases = append(cases, receive(timer.C))
	}
	if status == flow.Wait {
		for _, c := range t.Source.Ready() {
			cases = append(cases, receive(c))
		}
	}
	chosen, value, _ := reflect.Select(cases)
	switch chosen {
	case 0:
		return t.inject(value.Interface().(channel.Barrier))
	case 2:
		return context.Cause(ctx)
	}
	return nil
}

func receive(c any) reflect.SelectCase {
	return reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(c)}
}
