package aquifer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/state"
)

// clerk carries out commands, rows like "20 ann add 5": event time, key, what to do with the key's state or
// timers, and answers in rows like "ann: 5".
type clerk struct {
	value state.Value[int64]
	notes state.Map[string, int64]
}

func (c *clerk) Open(s *state.Scope) (err error) {
	if c.value, err = state.NewValue[int64](s, "value"); err != nil {
		return err
	}
	c.notes, err = state.NewMap[string, int64](s, "notes")
	return err
}

func (c *clerk) Process(ctx *Context, in *string, out Collector[string]) error {
	words := append(strings.Fields(*in), "", "")[2:]
	n, _ := strconv.ParseInt(words[1], 10, 64)
	tell := func(format string, args ...any) { out.Emit(Key[string](ctx) + ": " + fmt.Sprintf(format, args...)) }
	switch words[0] {
	case "get":
		return c.get(ctx, tell)
	case "set":
		return c.value.Set(ctx, n)
	case "add":
		return c.value.Update(ctx, func(v *int64) { *v += n })
	case "clear":
		return c.value.Clear(ctx)
	case "timer":
		return ctx.RegisterEventTimer(n)
	case "cancel":
		return ctx.CancelEventTimer(n)
	case "alarm": // in so many seconds
		return ctx.RegisterProcessingTimer(ctx.ProcessingTime() + 1000*n)
	case "unalarm":
		return ctx.CancelProcessingTimer(ctx.ProcessingTime() + 1000*n)
	}
	return c.note(ctx, words, tell)
}

func (c *clerk) get(ctx *Context, tell func(string, ...any)) error {
	v, ok, err := c.value.Get(ctx)
	if !ok {
		tell("none")
		return err
	}
	tell("%d", v)
	return err
}

// note carries out commands about the map.
func (c *clerk) note(ctx *Context, words []string, tell func(string, ...any)) error {
	switch words[0] {
	case "note":
		return c.notes.Set(ctx, words[1], ctx.Time)
	case "look":
		v, ok, err := c.notes.Get(ctx, words[1])
		tell("%s %d %v", words[1], v, ok)
		return err
	case "remove":
		return c.notes.Remove(ctx, words[1])
	case "wipe":
		return c.notes.Clear(ctx)
	case "list":
		n, err := c.notes.Len(ctx)
		if err != nil {
			return err
		}
		all, err := c.notes.All(ctx)
		if err != nil {
			return err
		}
		found := map[string]int64{}
		for k, v := range all {
			n, found[k] = n-1, v // every entry once
		}
		tell("%v %d", maps.Collect(all), n)
		return nil
	}
	return fmt.Errorf("no command %q", words[0])
}

// began is when a synctest bubble begins, in milliseconds.
var began = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// OnTimer tells of a timer. An event timer of a key with a value n is set again n later, up to time 50.
func (c *clerk) OnTimer(ctx *Context, timer Timer, out Collector[string]) error {
	if timer.Processing {
		out.Emit(fmt.Sprintf("%s: alarm of second %d rings at %d", Key[string](ctx),
			(ctx.Time-began)/1000, (ctx.ProcessingTime()-began)/1000))
		return nil
	}
	at := fmt.Sprint(ctx.Watermark)
	if ctx.Watermark == flow.EndOfTime {
		at = "the end"
	}
	out.Emit(fmt.Sprintf("%s: timer %d at %s", Key[string](ctx), ctx.Time, at))
	again, ok, err := c.value.Get(ctx)
	if err == nil && ok && ctx.Time+again <= 50 {
		err = ctx.RegisterEventTimer(ctx.Time + again)
	}
	return err
}

func wordTime(command *string) int64 {
	t, _ := strconv.ParseInt(strings.Fields(*command)[0], 10, 64)
	return t
}

var alone = []int{1}

// answers gives a clerk one of the commands a second. At "stop", the job stops, an hour passes, and it goes
// on at the next of the given parallelisms. Answers are sorted by key.
func answers(t *testing.T, parallelism []int, text string) (rows []string) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		store, sink := mem.New(), newCollected[string]()
		for finished, run := false, 0; !finished; run++ {
			steps, stop := commandSteps(strings.Split(text, ", "), run)
			job := NewJob("clerks")
			s := From(job, "commands", oneSplit(steps...), Monotonic(wordTime))
			byKey := KeyBy(s, func(c *string) string { return strings.Fields(*c)[1] })
			To(Process(byKey, "clerk", func() ProcessFunc[string, string] { return &clerk{} }), "out", sink)
			finished = mustRun(t, job, RunOptions{
				Parallelism: parallelism[run%len(parallelism)], CheckpointInterval: -1, Stop: stop, objects: store,
			}).Finished
			<-time.After(time.Hour)
		}
		rows = sink.rows()
		key := func(row string) string { return row[:strings.Index(row, ":")] }
		slices.SortStableFunc(rows, func(a, b string) int { return cmp.Compare(key(a), key(b)) })
	})
	return rows
}

// commandSteps are the commands, and the run's stop among them.
func commandSteps(commands []string, run int) (steps []step[string], stop <-chan struct{}) {
	for stops, c := 0, 0; c < len(commands); c++ {
		switch {
		case commands[c] != "stop":
			steps = append(steps, in(time.Second, commands[c]))
			continue
		case stops == run:
			p := newPause()
			stop = p.stop
			steps = append(steps, here[string](p))
		default:
			steps = append(steps, step[string]{})
		}
		stops++
	}
	return steps, stop
}

func TestAValueBelongsToItsKey(t *testing.T) {
	wantRows(t, answers(t, alone, "0 ann get, 0 ann set 5, 0 ann get, 0 bob get, 0 ann add 2, 0 ann get, "+
		"0 ann clear, 0 ann get, 0 bob add 3, 0 bob get, 0 ann add 1, 0 ann get"),
		"ann: none", "ann: 5", "ann: 7", "ann: none", "ann: 1", "bob: none", "bob: 3")
}

func TestAMapBelongsToItsKey(t *testing.T) {
	wantRows(t, answers(t, alone, "0 ann list, 1 ann note tea, 2 ann note milk, 3 bob note ink, 3 ann list, "+
		"4 ann note tea, 4 ann look tea, 4 bob look tea, 5 ann remove milk, 5 ann remove honey, 5 ann list, "+
		"6 ann wipe, 6 ann list, 6 ann look tea, 6 bob list, 7 ann note salt, 7 ann list"),
		"ann: map[] 0", "ann: map[milk:2 tea:1] 0", "ann: tea 4 true", "ann: map[tea:4] 0", "ann: map[] 0",
		"ann: tea 0 false", "ann: map[salt:7] 0", "bob: tea 0 false", "bob: map[ink:3] 0")
}

func TestStateAndRemovalsSurviveARestoreAtAnotherParallelism(t *testing.T) {
	for _, parallelism := range [][]int{{1}, {3, 1}, {1, 2, 3}} {
		wantRows(t, answers(t, parallelism, "0 ann set 5, 0 bob set 6, 0 cat set 7, 1 ann note tea, "+
			"2 ann note milk, 3 bob note ink, stop, 4 ann clear, 4 ann remove tea, 4 bob wipe, 5 cat add 1, stop, "+
			"6 ann get, 6 ann list, 6 bob get, 6 bob list, 6 cat get, 7 bob note oil, stop, 8 bob list"),
			"ann: none", "ann: map[milk:2] 0", "bob: 6", "bob: map[] 0", "bob: map[oil:7] 0", "cat: 8")
	}
}

func TestEventTimersFireInTheOrderOfTheirTimes(t *testing.T) {
	got := answers(t, alone, "0 ann timer 30, 0 ann timer 10, 0 ann timer 20, 0 ann timer 10, 9 ann get, "+
		"25 ann get, 26 ann timer 5, 27 ann get, 27 ann timer 40")
	wantRows(t, got, "ann: none", "ann: none", "ann: timer 10 at 25", "ann: timer 20 at 25",
		"ann: timer 5 at 26", "ann: none", "ann: timer 30 at the end", "ann: timer 40 at the end")
}

func TestATimerThatWasTakenBackDoesNotFire(t *testing.T) {
	wantRows(t, answers(t, alone, "0 ann timer 10, 0 bob timer 10, 0 ann timer 20, 1 ann cancel 10, "+
		"1 ann cancel 15, 2 bob cancel 20, 50 ann timer 60, 51 ann cancel 60, 52 ann timer 60"),
		"ann: timer 20 at 50", "ann: timer 60 at the end", "bob: timer 10 at 50")
}

func TestATimerMaySetTimersThatAreDueAtOnce(t *testing.T) {
	wantRows(t, answers(t, alone, "0 ann set 10, 0 ann timer 5, 0 bob timer 20, 30 bob get, 30 bob get"),
		"ann: timer 5 at 30", "ann: timer 15 at 30", "ann: timer 25 at 30", "ann: timer 35 at the end",
		"ann: timer 45 at the end", "bob: none", "bob: timer 20 at 30", "bob: none")
}

func TestTimersSurviveARestoreAndSoDoesTakingThemBack(t *testing.T) {
	for _, parallelism := range [][]int{{1}, {3, 1}, {1, 2, 3}} {
		wantRows(t, answers(t, parallelism, "0 ann timer 10, 0 ann timer 20, 0 bob timer 10, 1 cat timer 100, "+
			"stop, 2 ann cancel 10, 2 dan timer 7, stop, 15 cat get, stop, 16 ann get"),
			"ann: none", "ann: timer 20 at the end", "bob: timer 10 at 15", "cat: none", "cat: timer 100 at the end",
			"dan: timer 7 at 15")
	}
}

func TestProcessingTimersRingByTheClock(t *testing.T) {
	t.Log("one command a second: ann's alarms are set at 1 and 2, the second one is taken back at 4")
	wantRows(t, answers(t, alone, "0 ann alarm 2, 0 ann alarm 5, 0 bob alarm 4, 0 ann unalarm 3, 0 x get, "+
		"0 x get, 0 x get, 0 x get, 0 ann alarm 60"),
		"ann: alarm of second 3 rings at 3", "bob: alarm of second 7 rings at 7",
		"x: none", "x: none", "x: none", "x: none")
}

func TestAProcessingTimerThatFellDueWhileTheJobWasDownRingsWhenItIsBack(t *testing.T) {
	wantRows(t, answers(t, []int{1, 3}, "0 ann alarm 60, stop, 0 ann get"),
		"ann: alarm of second 61 rings at 3601", "ann: none")
}

// misuser hands its context and its state out, and declares state when it is too late for that.
type misuser struct {
	scope  *state.Scope
	leak   func(*misuser, *Context)
	value  state.Value[int64]
	closed func(*misuser)
}

func (m *misuser) Open(s *state.Scope) (err error) {
	m.scope = s
	m.value, err = state.NewValue[int64](s, "value")
	return err
}

func (m *misuser) Process(ctx *Context, in *int64, out Collector[int64]) error {
	out.Emit(*in)
	if err := m.value.Set(ctx, *in); err != nil {
		return err
	}
	m.leak(m, ctx)
	if *in == 13 {
		return errors.New("13 will not do")
	}
	return nil
}

func (m *misuser) Close() error {
	m.closed(m)
	return nil
}

// misuse runs a misuser over one number. What it leaks to is used by then, on the same goroutine but behind
// the call, and when the function is closed.
func misuse(t *testing.T, n int64, then func(*misuser, *Context)) error {
	t.Helper()
	var ctx *Context
	uses := 0
	use := func(m *misuser) {
		if ctx != nil {
			uses++
			then(m, ctx)
		}
	}
	job := NewJob("misuse")
	var function *misuser
	newFunc := func() ProcessFunc[int64, int64] {
		return &misuser{leak: func(m *misuser, c *Context) { function, ctx = m, c }, closed: use}
	}
	s := Process(KeyBy(From(job, "numbers", oneSplit(each(n)...)), identity), "misuse", newFunc)
	To(Map(s, func(n *int64) int64 { use(function); return *n }), "out", newCollected[int64]())
	_, err := job.Run(t.Context(), RunOptions{Parallelism: 1, Restarts: -1})
	if want := map[bool]int{false: 2, true: 1}[n == 13]; uses != want {
		t.Errorf("the context was used %d times, want %d", uses, want)
	}
	return err
}

// outside tries everything that a context allows, behind its call.
func outside(t *testing.T, m *misuser, ctx *Context) {
	t.Helper()
	_, _, get := m.value.Get(ctx)
	for use, err := range map[string]error{
		"get": get, "set": m.value.Set(ctx, 1), "update": m.value.Update(ctx, func(*int64) { t.Error("updated") }),
		"clear": m.value.Clear(ctx), "event timer": ctx.RegisterEventTimer(1),
		"cancel event timer": ctx.CancelEventTimer(1), "processing timer": ctx.RegisterProcessingTimer(1),
		"cancel processing timer": ctx.CancelProcessingTimer(1),
	} {
		if !errors.Is(err, flow.ErrOutsideCall) {
			t.Errorf("%s: %v", use, err)
		}
	}
}

func TestStateAndTimersCannotBeUsedOutsideTheCall(t *testing.T) {
	if err := misuse(t, 7, func(m *misuser, ctx *Context) { outside(t, m, ctx) }); err != nil {
		t.Error(err)
	}
}

func TestStateCannotBeUsedWhenAFailedFunctionIsClosed(t *testing.T) {
	err := misuse(t, 13, func(m *misuser, ctx *Context) { outside(t, m, ctx) })
	wantError(t, err, "key 13", "13 will not do")
}

func TestStateCannotBeUsedByAGoroutineThatOutlivesTheCall(t *testing.T) {
	err := misuse(t, 7, func(m *misuser, ctx *Context) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			outside(t, m, ctx)
		}()
		<-done
	})
	if err != nil {
		t.Error(err)
	}
}

func TestStateCannotBeDeclaredAfterOpen(t *testing.T) {
	err := misuse(t, 7, func(m *misuser, _ *Context) {
		_, value := state.NewValue[int64](m.scope, "late value")
		_, entries := state.NewMap[int64, string](m.scope, "late map")
		for name, err := range map[string]error{"late value": value, "late map": entries} {
			if base.KindOf(err) != base.Config {
				t.Errorf("%s: %v", name, err)
			}
			wantError(t, err, fmt.Sprintf("state %q is declared after Open", name))
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// asTimers tries to use timers and answers with what came of it.
func asTimers(ctx *Context, out Collector[bool]) error {
	for _, err := range []error{
		ctx.RegisterEventTimer(1), ctx.CancelEventTimer(1),
		ctx.RegisterProcessingTimer(1), ctx.CancelProcessingTimer(1),
	} {
		out.Emit(errors.Is(err, flow.ErrNoTimers))
	}
	return nil
}

type noTimers struct{}

func (noTimers) Open(*state.Scope) error { return nil }
func (noTimers) Process(ctx *Context, _ *int64, out Collector[bool]) error {
	return asTimers(ctx, out)
}

// connected is a function without keys that opens and closes something.
type connected struct{ log func(string) error }

func (c *connected) Open(context.Context) error { return c.log("open") }
func (c *connected) Close() error               { return c.log("close") }
func (c *connected) Process(ctx *Context, _ *int64, out Collector[bool]) error {
	if err := c.log("process"); err != nil {
		return err
	}
	return asTimers(ctx, out)
}

func TestAFunctionWithoutOnTimerOrWithoutKeysHasNoTimers(t *testing.T) {
	job, sink := NewJob("no timers"), newCollected[bool]()
	s := From(job, "numbers", oneSplit(each[int64](7)...))
	a := Process(KeyBy(s, identity), "keyed", func() ProcessFunc[int64, bool] { return noTimers{} })
	b := ProcessUnkeyed(s, "unkeyed", func() UnkeyedFunc[int64, bool] {
		return &connected{func(string) error { return nil }}
	})
	To(Union(a, b), "out", sink)
	mustRun(t, job, RunOptions{Parallelism: 1})
	wantRows(t, sink.rows(), slices.Repeat([]bool{true}, 8)...)
}

// connectedJob runs connected functions over two numbers and returns what they did.
func connectedJob(t *testing.T, parallelism int, fail string) (string, error) {
	t.Helper()
	var mu sync.Mutex
	var log []string
	job := NewJob("connected")
	s := ProcessUnkeyed(From(job, "numbers", oneSplit(each[int64](1, 2)...)), "connect",
		func() UnkeyedFunc[int64, bool] {
			return &connected{func(what string) error {
				mu.Lock()
				defer mu.Unlock()
				log = append(log, what)
				if what == fail {
					return errors.New("no such luck")
				}
				return nil
			}}
		})
	To(s, "out", newCollected[bool]())
	_, err := job.Run(t.Context(), RunOptions{Parallelism: parallelism, Restarts: -1})
	return strings.Join(log, " "), err
}

func TestAFunctionWithoutKeysIsOpenedAndClosedOnceForEachSubtask(t *testing.T) {
	log, err := connectedJob(t, 1, "")
	if err != nil || log != "open process process close" {
		t.Errorf("%s, %v", log, err)
	}
	log, err = connectedJob(t, 3, "")
	if err != nil || strings.Count(log, "open") != 3 || strings.Count(log, "close") != 3 {
		t.Errorf("%s, %v", log, err)
	}
	for _, step := range []string{"open", "process"} {
		_, err := connectedJob(t, 1, step)
		wantError(t, err, `operator "connect", subtask 0: no such luck`)
	}
}

// mad is a function that panics in one of its methods.
type mad struct{ in string }

func (m mad) at(method string) error {
	if m.in == method {
		panic("mad in " + method)
	}
	return nil
}

func (m mad) Open(*state.Scope) error                         { return m.at("Open") }
func (m mad) OnTimer(*Context, Timer, Collector[int64]) error { return m.at("OnTimer") }
func (m mad) Close() error                                    { return m.at("Close") }
func (m mad) Process(ctx *Context, _ *int64, _ Collector[int64]) error {
	return ctx.RegisterEventTimer(7)
}

// maddened runs a function that panics over the key 5.
func maddened(t *testing.T, method string, more ...step[int64]) error {
	t.Helper()
	job := NewJob("mad")
	s := KeyBy(From(job, "numbers", oneSplit(append(each[int64](5), more...)...)), identity)
	out := Process(s, "hatter", func() ProcessFunc[int64, int64] { return mad{method} })
	To(out, "out", newCollected[int64]())
	_, err := job.Run(t.Context(), RunOptions{Parallelism: 1, Restarts: -1})
	return err
}

func TestAPanicOfAFunctionIsAnErrorThatNamesTheOperatorWhereverItHappens(t *testing.T) {
	const subtask = `operator "hatter", subtask 0`
	wantError(t, maddened(t, "Open"), subtask+": panic: mad in Open", "process_test.go")
	const timer = ", key 5, event time 1970-01-01T00:00:00.007Z: panic: mad in OnTimer"
	wantError(t, maddened(t, "OnTimer"), subtask+timer)
	t.Log("a panic in Close does not end the program, and does not hide the failure before it")
	wantError(t, maddened(t, "Close", step[int64]{fail: errors.New("no disk")}), "no disk")
}

// The function takes an hour. All checkpoints fail meanwhile, and then so does the job, which must wait for
// the function: were it busy while it waits, the time of the test would stand still.
func TestAFailedJobWaitsForItsFunctionsWithoutBeingBusy(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		job := NewJob("slow")
		s := Map(From(job, "numbers", oneSplit(each[int64](5)...)), func(n *int64) int64 {
			<-time.After(time.Hour)
			return *n
		})
		To(s, "out", newCollected[int64]())
		_, err := job.Run(t.Context(), RunOptions{
			CheckpointInterval: time.Minute, CheckpointTimeout: time.Minute, TolerateFailures: 1, Restarts: -1,
		})
		wantError(t, err, "2 checkpoints in a row have failed", "tasks had not taken part after 60000 ms")
	})
}
