package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
)

// plain is a function without keys that tells what it sees.
type plain struct {
	at  func(method string) error
	ctx context.Context
	now int64
}

func (p *plain) step(method string) error {
	if p.at == nil {
		return nil
	}
	return p.at(method)
}

func (p *plain) Open(ctx context.Context) error { p.ctx = ctx; return p.step("Open") }
func (p *plain) Close() error                   { return p.step("Close") }
func (p *plain) Process(ctx *flow.Context, n *int, out flow.Collector[string]) error {
	p.now = ctx.ProcessingTime()
	out.Emit(fmt.Sprintf("%d/%s", *n, at(ctx.Watermark)))
	if err := ctx.RegisterEventTimer(1); !errors.Is(err, flow.ErrNoTimers) {
		return fmt.Errorf("a timer without a key: %v", err)
	}
	return p.step("Process")
}

func TestAFunctionWithoutKeysSeesRowsAndEventTime(t *testing.T) {
	out, fn := &stage[string]{}, &plain{}
	env := place("plain")
	u := NewUnkeyed[int, string](env, out, fn)
	must(t, u.Open())
	before := time.Now().UnixMilli()
	must(t, u.Batch(rowsOf(7)))
	must(t, u.Watermark(3))
	must(t, u.Batch(rowsOf(8, 9)))
	out.expect(t, "7/-@1 w3 8/3@1 9/3@2")
	if fn.ctx != env.Context || fn.now < before || fn.now > time.Now().UnixMilli() {
		t.Errorf("opened with %v, processing time %d", fn.ctx, fn.now)
	}
	must(t, u.Close())
}

func TestErrorsAndPanicsOfAFunctionWithoutKeysNameTheOperator(t *testing.T) {
	for _, method := range []string{"Open", "Process", "Close"} {
		for want, fail := range map[string]func() error{
			"broken": func() error { return errBroken }, "panic: broken": func() error { panic(errBroken) },
		} {
			u := NewUnkeyed[int, string](place("plain"), &stage[string]{}, &plain{at: func(at string) error {
				if at == method {
					return fail()
				}
				return nil
			}})
			err := errors.Join(u.Open(), u.Batch(rowsOf(7)), u.Close())
			mustSay(t, err, `operator "plain", subtask 0`, want)
			if !errors.Is(err, errBroken) {
				t.Errorf("%s: %v", method, err)
			}
			timed := strings.Contains(err.Error(), "event time 1970-01-01T00:00:00.001Z")
			if timed != (method == "Process") {
				t.Errorf("%s: %v", method, err)
			}
		}
	}
}

// bare is a function with nothing but Process.
type bare struct{}

func (bare) Process(_ *flow.Context, n *int, out flow.Collector[string]) error {
	out.Emit(fmt.Sprint(*n))
	return nil
}

func TestAFunctionNeedNotBeOpenedOrClosed(t *testing.T) {
	out := &stage[string]{}
	u := NewUnkeyed[int, string](place("bare"), out, bare{})
	must(t, u.Open())
	must(t, u.Batch(rowsOf(1)))
	must(t, u.Close())
	out.expect(t, "1@1")
}
