package worker

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestTheEndOfAFinishedJobIsNoErrorButWhatFailsBesideItIs(t *testing.T) {
	stuck := errors.New("the file system is full")
	failed := errors.New("failed")
	for _, c := range []struct {
		name       string
		cause, err error
		want       error // what must be in the rest; nil for no error
	}{
		{"a task that ended as it was told", ErrFinished, ErrFinished, nil},
		{"a task that told it in its own words", ErrFinished, fmt.Errorf("read: %w", ErrFinished), nil},
		{"a call that knows only that its context ended", ErrFinished, fmt.Errorf("dial: %w", context.Canceled), nil},
		{"an operator that could not be closed", ErrFinished, errors.Join(ErrFinished, stuck), stuck},
		{"two of them", ErrFinished, errors.Join(errors.Join(ErrFinished, context.Canceled), stuck), stuck},
		{"a close that was cut short", ErrFinished, errors.Join(ErrFinished, context.Canceled), nil},
		{"no error", ErrFinished, nil, nil},
		{"a failure", failed, failed, failed},
		{"a call cut short by a failure", failed, context.Canceled, context.Canceled},
		{"a failure in the same moment", ErrFinished, stuck, stuck},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(c.cause)
		got := unfinished(ctx, c.err)
		if !errors.Is(got, c.want) || (got == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if errors.Is(got, ErrFinished) {
			t.Errorf("%s: %v still tells of the end", c.name, got)
		}
	}
}

func TestAnErrorWithSeveralCausesKeepsItsWords(t *testing.T) {
	a, b := errors.New("a"), errors.New("b")
	err := fmt.Errorf("both %w and %w", a, b)
	if got := unfinished(t.Context(), err); got != err {
		t.Errorf("%v became %v", err, got)
	}
}
