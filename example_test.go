package aquifer_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/file"
	"github.com/aquifer-stream/aquifer/connector/print"
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/pattern"
	"github.com/aquifer-stream/aquifer/state"
	"github.com/aquifer-stream/aquifer/window"
)

// Visit is a row of the input.
type Visit struct {
	Page string    `json:"page"`
	Time time.Time `json:"time"`
}

// The third visit is ten seconds behind the one before it, which is within the disorder that the job allows.
const visits = `
{"page": "/", "time": "2024-03-01T12:00:10Z"}
{"page": "/prices", "time": "2024-03-01T12:01:05Z"}
{"page": "/", "time": "2024-03-01T12:00:55Z"}
{"page": "/prices", "time": "2024-03-01T12:01:40Z"}
{"page": "/", "time": "2024-03-01T12:03:00Z"}
`

// Counts the visits of each page in each minute.
func Example() {
	dir, err := os.MkdirTemp("", "visits")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "visits.ndjson"), []byte(visits), 0o644); err != nil {
		fmt.Println(err)
		return
	}

	job := aquifer.NewJob("visits")
	input := aquifer.From(job, "visits", file.NDJSON[Visit](filepath.Join(dir, "*.ndjson")),
		aquifer.EventTime(func(v *Visit) int64 { return v.Time.UnixMilli() }, 15*time.Second))
	byPage := aquifer.KeyBy(input, func(v *Visit) string { return v.Page })
	perMinute := aquifer.Aggregate(byPage, "per-minute", window.Tumbling(time.Minute), aquifer.Count[Visit]())
	aquifer.To(perMinute, "out", print.To(os.Stdout, line))

	// With a directory for its State the job would go on where it was when it is run again.
	result, err := job.Run(context.Background(), aquifer.RunOptions{Parallelism: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.RowsRead, "visits")
	// Output:
	// 12:00 / 2
	// 12:01 /prices 2
	// 12:03 / 1
	// 5 visits
}

func line(dst []byte, w *aquifer.Windowed[string, int64]) []byte {
	return fmt.Appendf(dst, "%s %s %d", time.UnixMilli(w.Start).UTC().Format("15:04"), w.Key, w.Value)
}

// Event is a row of a larger program.
type Event struct {
	User string
	Time int64
}

// A stream can be used several times, and streams of the same rows can be merged. Mistakes are reported
// together, before anything runs.
func ExampleJob_Run() {
	job := aquifer.NewJob("mistakes")
	a := aquifer.From(job, "events", file.NDJSON[Event]("a/*.ndjson"))
	b := aquifer.From(job, "events", file.NDJSON[Event]("b/*.ndjson"))
	byUser := aquifer.KeyBy(aquifer.Union(a, b), func(e *Event) string { return e.User })
	aquifer.Aggregate(byUser, "sessions", window.Session(0), aquifer.Count[Event]())

	_, err := job.Run(context.Background(), aquifer.RunOptions{})
	fmt.Println(err)
	// Output:
	// the job cannot run:
	// operator "sessions": the window's gap is 0s: it must be positive
	// operators "events" and "events" have the same uid "events": name one of them differently
	// the rows of "sessions" go nowhere: end the stream with To
}

// written is a new directory with files.
func written(files map[string]string) (dir string, err error) {
	if dir, err = os.MkdirTemp("", "example"); err != nil {
		return "", err
	}
	for name, rows := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(rows), 0o644))
	}
	return dir, err
}

// Order and Payment are rows of two streams.
type Order struct {
	ID, Amount int64
}

// Payment pays for a part of an order.
type Payment struct {
	Order, Amount int64
}

// settlement tells of each order that has been paid for in full, whichever of its rows comes last.
type settlement struct {
	owed state.Value[int64] // less than zero for what was paid before the order came
}

func (s *settlement) Open(scope *state.Scope) (err error) {
	s.owed, err = state.NewValue[int64](scope, "owed")
	return err
}

func (s *settlement) ProcessLeft(ctx *aquifer.Context, o *Order, out aquifer.Collector[string]) error {
	return s.owe(ctx, o.Amount, out)
}

func (s *settlement) ProcessRight(ctx *aquifer.Context, p *Payment, out aquifer.Collector[string]) error {
	return s.owe(ctx, -p.Amount, out)
}

func (s *settlement) owe(ctx *aquifer.Context, amount int64, out aquifer.Collector[string]) error {
	owed, _, err := s.owed.Get(ctx)
	if err != nil {
		return err
	}
	if owed+amount == 0 {
		out.Emit(fmt.Sprintf("order %d is paid for", aquifer.Key[int64](ctx)))
		return s.owed.Clear(ctx)
	}
	return s.owed.Set(ctx, owed+amount)
}

// A function over two streams, whose rows of one key share state.
func ExampleCoProcess() {
	dir, err := written(map[string]string{
		"orders.ndjson":   `{"ID": 1, "Amount": 30}` + "\n" + `{"ID": 2, "Amount": 5}`,
		"payments.ndjson": `{"Order": 1, "Amount": 10}` + "\n" + `{"Order": 1, "Amount": 20}`,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	job := aquifer.NewJob("orders")
	orders := aquifer.From(job, "orders", file.NDJSON[Order](filepath.Join(dir, "orders.ndjson")))
	payments := aquifer.From(job, "payments", file.NDJSON[Payment](filepath.Join(dir, "payments.ndjson")))
	both := aquifer.Connect(
		aquifer.KeyBy(orders, func(o *Order) int64 { return o.ID }),
		aquifer.KeyBy(payments, func(p *Payment) int64 { return p.Order }))
	settled := aquifer.CoProcess(both, "settlement", func() aquifer.CoProcessFunc[Order, Payment, string] {
		return &settlement{}
	})
	aquifer.To(settled, "out", print.To(os.Stdout, func(dst []byte, s *string) []byte { return append(dst, *s...) }))
	if _, err := job.Run(context.Background(), aquifer.RunOptions{Parallelism: 1}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// order 1 is paid for
}

// Rule says from which amount on an order of a kind is looked at.
type Rule struct {
	Above int64
}

// audit emits the orders that are above what the rule of the moment allows.
type audit struct {
	seen  state.Value[int64]
	rules state.Broadcast[string, Rule]
}

func (a *audit) Open(scope *state.Scope) (err error) {
	if a.rules, err = state.NewBroadcast[string, Rule](scope, "rules"); err != nil {
		return err
	}
	a.seen, err = state.NewValue[int64](scope, "seen")
	return err
}

func (a *audit) ProcessBroadcast(ctx *aquifer.BroadcastContext, r *Rule, _ aquifer.Collector[string]) error {
	return a.rules.Set(ctx, "orders", *r)
}

// Process remembers the amount until the end, when the rules are known.
func (a *audit) Process(ctx *aquifer.Context, o *Order, _ aquifer.Collector[string]) error {
	return errors.Join(a.seen.Set(ctx, o.Amount), ctx.RegisterEventTimer(flow.EndOfTime))
}

func (a *audit) OnTimer(ctx *aquifer.Context, _ aquifer.Timer, out aquifer.Collector[string]) error {
	amount, _, err := a.seen.Get(ctx)
	if rule, ok := a.rules.Get("orders"); ok && amount > rule.Above {
		out.Emit(fmt.Sprintf("order %d is above %d", aquifer.Key[int64](ctx), rule.Above))
	}
	return err
}

// A function that gets the orders of its keys, and all rules.
func ExampleProcessBroadcast() {
	dir, err := written(map[string]string{
		"orders.ndjson": `{"ID": 1, "Amount": 30}` + "\n" + `{"ID": 2, "Amount": 5}`,
		"rules.ndjson":  `{"Above": 20}`,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	job := aquifer.NewJob("audit")
	orders := aquifer.From(job, "orders", file.NDJSON[Order](filepath.Join(dir, "orders.ndjson")))
	rules := aquifer.From(job, "rules", file.NDJSON[Rule](filepath.Join(dir, "rules.ndjson")))
	found := aquifer.ProcessBroadcast(aquifer.KeyBy(orders, func(o *Order) int64 { return o.ID }), aquifer.Broadcast(rules),
		"audit", func() aquifer.BroadcastFunc[Order, Rule, string] { return &audit{} })
	aquifer.To(found, "out", print.To(os.Stdout, func(dst []byte, s *string) []byte { return append(dst, *s...) }))
	if _, err := job.Run(context.Background(), aquifer.RunOptions{Parallelism: 2}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// order 1 is above 20
}

// ceiling emits the orders that are above what a rule allows. It needs nothing of their keys.
type ceiling struct{ rules state.Broadcast[string, Rule] }

func (c *ceiling) Open(scope *state.Scope) (err error) {
	c.rules, err = state.NewBroadcast[string, Rule](scope, "rules")
	return err
}

func (c *ceiling) ProcessBroadcast(ctx *aquifer.BroadcastContext, r *Rule, out aquifer.Collector[string]) error {
	out.Emit(fmt.Sprintf("the limit is %d", r.Above))
	return c.rules.Set(ctx, "orders", *r)
}

func (c *ceiling) Process(_ *aquifer.Context, o *Order, out aquifer.Collector[string]) error {
	if rule, ok := c.rules.Get("orders"); ok && o.Amount > rule.Above {
		out.Emit(fmt.Sprintf("order %d is above %d", o.ID, rule.Above))
	}
	return nil
}

// A function that gets orders of any key, and all rules. Which of both comes first is not said here: only what there is
// without orders is sure.
func ExampleProcessUnkeyedBroadcast() {
	dir, err := written(map[string]string{"orders.ndjson": "", "rules.ndjson": `{"Above": 20}`})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	job := aquifer.NewJob("ceiling")
	orders := aquifer.From(job, "orders", file.NDJSON[Order](filepath.Join(dir, "orders.ndjson")))
	rules := aquifer.From(job, "rules", file.NDJSON[Rule](filepath.Join(dir, "rules.ndjson")))
	found := aquifer.ProcessUnkeyedBroadcast(orders, aquifer.Broadcast(rules), "ceiling",
		func() aquifer.UnkeyedBroadcastFunc[Order, Rule, string] { return &ceiling{} })
	aquifer.To(found, "out", print.To(os.Stdout, func(dst []byte, s *string) []byte { return append(dst, *s...) }))
	if _, err := job.Run(context.Background(), aquifer.RunOptions{Parallelism: 1}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// the limit is 20
}

// A row for each pair of an order and a payment.
func ExampleJoin() {
	dir, err := written(map[string]string{
		"orders.ndjson":   `{"ID": 1, "Amount": 30}` + "\n" + `{"ID": 2, "Amount": 5}`,
		"payments.ndjson": `{"Order": 1, "Amount": 10}`,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	job := aquifer.NewJob("orders")
	orders := aquifer.From(job, "orders", file.NDJSON[Order](filepath.Join(dir, "orders.ndjson")))
	payments := aquifer.From(job, "payments", file.NDJSON[Payment](filepath.Join(dir, "payments.ndjson")))
	both := aquifer.Connect(
		aquifer.KeyBy(orders, func(o *Order) int64 { return o.ID }),
		aquifer.KeyBy(payments, func(p *Payment) int64 { return p.Order }))
	paid := aquifer.Join(both, "paid", func(o *Order, p *Payment) string {
		return fmt.Sprintf("%d of %d paid for order %d", p.Amount, o.Amount, o.ID)
	})
	aquifer.To(paid, "out", print.To(os.Stdout, func(dst []byte, s *string) []byte { return append(dst, *s...) }))
	if _, err := job.Run(context.Background(), aquifer.RunOptions{Parallelism: 1}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 10 of 30 paid for order 1
}

// A row for each payment that comes within a minute of its order.
func ExampleDetect() {
	dir, err := written(map[string]string{"events.ndjson": `{"User": "order 1", "Time": 1000}` + "\n" +
		`{"User": "payment 1", "Time": 9000}` + "\n" + `{"User": "order 2", "Time": 10000}` + "\n"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	is := func(what string) func(*Event) bool {
		return func(e *Event) bool { return strings.HasPrefix(e.User, what) }
	}

	job := aquifer.NewJob("orders")
	events := aquifer.From(job, "events", file.NDJSON[Event](filepath.Join(dir, "events.ndjson")),
		aquifer.EventTime(func(e *Event) int64 { return e.Time }, 5*time.Second))
	byNumber := aquifer.KeyBy(events, func(e *Event) string { return e.User[len(e.User)-1:] })
	paid := pattern.Begin[Event]("order").Where(is("order")).FollowedBy("payment").Where(is("payment")).Within(time.Minute)
	found := aquifer.Detect(byNumber, "paid", paid, func(m *pattern.Match[Event]) string {
		return fmt.Sprintf("%s is paid for after %d ms", m.First("order").User, m.End()-m.Start())
	})
	aquifer.To(found, "out", print.To(os.Stdout, func(dst []byte, s *string) []byte { return append(dst, *s...) }))
	if _, err := job.Run(context.Background(), aquifer.RunOptions{Parallelism: 1}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// order 1 is paid for after 8000 ms
}
