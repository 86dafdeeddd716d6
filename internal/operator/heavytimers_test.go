package operator

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/state"
)

// letters keeps a long text for each key until its timer fires, and notes how much memory all of them take then.
type letters struct {
	text   state.Value[string]
	length int
	budget *keyed.Budget
	most   *int64
}

func (l *letters) Open(scope *state.Scope) (err error) {
	l.text, err = state.NewValue[string](scope, "text")
	return err
}

func (l *letters) Process(ctx *flow.Context, e *event, _ flow.Collector[string]) error {
	return errors.Join(l.text.Set(ctx, strings.Repeat("x", l.length)), ctx.RegisterEventTimer(e.N))
}

func (l *letters) OnTimer(ctx *flow.Context, timer flow.Timer, out flow.Collector[string]) error {
	*l.most = max(*l.most, l.budget.Used())
	text, _, err := l.text.Get(ctx)
	out.Emit(fmt.Sprint(flow.Key[string](ctx), " ", len(text)))
	return err
}

// Timers are small, and what they keep is not.
func TestTimersOfOneWatermarkDoNotBringTheStateOfAllTheirKeysIntoMemory(t *testing.T) {
	const limit, length, groups = 8 << 20, 20_000, 16
	const keys = 4 * limit / length
	fn := &letters{length: length, most: new(int64)}
	newFunc := func() ProcessFunc[event, string] { return fn }
	out := &stage[string]{}
	r := newRigOf(t, bounds{limit, limit / 4}, "letters", groups, PlanProcess[string, event, string]("letters", newFunc),
		func(r *rig, env *Env) (Operator, error) {
			fn.budget = r.budget
			return NewProcess(env, out, eventKey, newFunc())
		})
	for i := range keys {
		r.rows(nil, event{fmt.Sprint("k", i), 0, int64(10 + i)})
	}
	r.rescale(1)
	r.watermark(10 + keys)
	r.settle()
	if *fn.most > 2*limit {
		t.Errorf("%d bytes were in memory while timers fired, the limit is %d", *fn.most, limit)
	}
	for i := range keys {
		if want := fmt.Sprintf("k%d %d@%d", i, length, 10+i); out.seen[i] != want {
			t.Fatalf("row %d is %q, want %q", i, out.seen[i], want)
		}
	}
}
