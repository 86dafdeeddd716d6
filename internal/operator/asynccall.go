package operator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// AsyncFunc is a user's function that waits for an outside service; package aquifer documents it.
type AsyncFunc[In, Out any] interface {
	Call(ctx context.Context, in *In) ([]Out, error)
}

// AsyncTimeoutFunc is an AsyncFunc that knows what to do about calls that take too long.
type AsyncTimeoutFunc[In, Out any] interface {
	OnTimeout(ctx context.Context, in *In) ([]Out, error)
}

// AsyncConfig says how a function that waits for an outside service is called.
type AsyncConfig struct {
	// Capacity is how many rows may have been begun whose results have not left.
	Capacity int
	// Unordered lets results leave as soon as they are there.
	Unordered bool
	// Timeout bounds the time for a row, with all attempts and the waits between them; 0 for no bound.
	Timeout time.Duration
	Retry   Retry
}

// Validate says what is wrong with it.
func (c *AsyncConfig) Validate() error {
	if c.Capacity < 1 {
		return fmt.Errorf("a capacity of %d calls is asked for: it must be 1 or more", c.Capacity)
	}
	if c.Timeout < 0 {
		return fmt.Errorf("a timeout of %v is asked for: it must not be negative", c.Timeout)
	}
	return c.Retry.validate()
}

// asyncCaller calls the function of an Async, on goroutines that are not the task's.
type asyncCaller[In, Out any] struct {
	AsyncConfig
	env *Env
	ctx context.Context // ends when the operator does
	fn  AsyncFunc[In, Out]
}

var errTimeout = errors.New("timeout")

// call calls the function for a row, until it has succeeded or is given up. Its errors name the row.
func (c *asyncCaller[In, Out]) call(in *In, at int64) (out []Out, err error) {
	defer func() {
		if u := (*UserError)(nil); errors.As(err, &u) {
			u.Record = shown(in)
		}
	}()
	defer c.env.rescue(&err, func() (any, int64) { return nil, at })
	ctx := c.ctx
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, c.Timeout, errTimeout)
		defer cancel()
	}
	out, err = c.attempts(ctx, in)
	if err != nil && errors.Is(context.Cause(ctx), errTimeout) {
		out, err = c.timedOut(in, err)
	}
	if err != nil {
		return nil, c.env.userError(err, nil, at)
	}
	return out, nil
}

// attempts calls the function again as long as that is worth it.
func (c *asyncCaller[In, Out]) attempts(ctx context.Context, in *In) (out []Out, err error) {
	failed := 0
	for {
		if out, err = c.fn.Call(ctx, in); err == nil {
			return out, nil
		}
		if failed++; !c.again(ctx, failed, err) {
			break
		}
		c.env.Stats.CallRetries.Add(1)
	}
	if failed > 1 {
		err = fmt.Errorf("after %d attempts: %w", failed, err)
	}
	return nil, err
}

// again waits for the time of the next attempt, if there is one.
func (c *asyncCaller[In, Out]) again(ctx context.Context, failed int, err error) bool {
	if ctx.Err() != nil || !c.Retry.worth(failed, err) {
		return false
	}
	timer := time.NewTimer(c.Retry.wait(failed, rand.Float64()))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// timedOut is what becomes of a row without a result in time, whose last attempt has ended with an error.
func (c *asyncCaller[In, Out]) timedOut(in *In, err error) ([]Out, error) {
	c.env.Stats.CallTimeouts.Add(1)
	if f, ok := c.fn.(AsyncTimeoutFunc[In, Out]); ok {
		return f.OnTimeout(c.ctx, in)
	}
	return nil, fmt.Errorf("no result within %v: %w", c.Timeout, err)
}

// mostShown is how much of a row is shown in errors, in bytes.
const mostShown = 200

// shown is a row as it is shown in errors.
func shown[T any](row *T) string {
	s := fmt.Sprintf("%+v", *row)
	if len(s) > mostShown {
		s = strings.ToValidUTF8(s[:mostShown], "") + "…"
	}
	return s
}
