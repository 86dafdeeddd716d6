package aquifer_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/file"
	"github.com/aquifer-stream/aquifer/connector/print"
)

// Purchase is a row whose price in euros only an outside service knows.
type Purchase struct {
	Item     string  `json:"item"`
	Price    float64 `json:"price"`
	Currency string  `json:"currency"`
}

// rates stands for a service elsewhere.
func rates(ctx context.Context, currency string) (float64, error) {
	return map[string]float64{"EUR": 1, "USD": 0.9, "GBP": 1.2}[currency], ctx.Err()
}

// Asks an outside service about each row, a hundred at once, and keeps the order of the rows.
func ExampleAsync() {
	purchases := `
{"item": "lamp", "price": 50, "currency": "USD"}
{"item": "chair", "price": 80, "currency": "EUR"}
{"item": "desk", "price": 100, "currency": "GBP"}
`
	dir, err := written(map[string]string{"purchases.ndjson": purchases})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	job := aquifer.NewJob("purchases")
	bought := aquifer.From(job, "purchases", file.NDJSON[Purchase](filepath.Join(dir, "purchases.ndjson")))
	inEuros := aquifer.Async(bought, "rates", func(ctx context.Context, p *Purchase) ([]Purchase, error) {
		rate, err := rates(ctx, p.Currency)
		return []Purchase{{p.Item, p.Price * rate, "EUR"}}, err
	}, aquifer.AsyncTimeout(10*time.Second),
		aquifer.AsyncRetry(aquifer.Retry{Attempts: 5, Backoff: 100 * time.Millisecond, MaxBackoff: time.Second}))
	aquifer.To(inEuros, "out", print.To(os.Stdout, func(dst []byte, p *Purchase) []byte {
		return fmt.Appendf(dst, "%s %.2f %s", p.Item, p.Price, p.Currency)
	}))
	if _, err := job.Run(context.Background(), aquifer.RunOptions{Parallelism: 1}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// lamp 45.00 EUR
	// chair 80.00 EUR
	// desk 120.00 EUR
}

// auditor passes on purchases, and sends those with a price that cannot be right aside.
type auditor struct{ odd *aquifer.Side[string] }

func (a *auditor) Process(ctx *aquifer.Context, p *Purchase, out aquifer.Collector[Purchase]) error {
	if p.Price <= 0 {
		return a.odd.Emit(ctx, fmt.Sprintf("%s for %.2f", p.Item, p.Price))
	}
	out.Emit(*p)
	return nil
}

// A function sends some rows to another output than its main one.
func ExampleSideOutput() {
	purchases := `
{"item": "lamp", "price": 50}
{"item": "chair", "price": -80}
`
	dir, err := written(map[string]string{"purchases.ndjson": purchases})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	job, odd := aquifer.NewJob("audit"), aquifer.NewSide[string]("odd")
	bought := aquifer.From(job, "purchases", file.NDJSON[Purchase](filepath.Join(dir, "purchases.ndjson")))
	good := aquifer.ProcessUnkeyed(bought, "audit", func() aquifer.UnkeyedFunc[Purchase, Purchase] {
		return &auditor{odd: odd}
	}, aquifer.SideOutput(odd))
	aquifer.To(good, "good", print.To(os.Stdout, func(dst []byte, p *Purchase) []byte {
		return fmt.Appendf(dst, "good: %s", p.Item)
	}))
	aquifer.To(odd.Stream(), "odd", print.To(os.Stdout, func(dst []byte, s *string) []byte {
		return fmt.Appendf(dst, "odd: %s", *s)
	}))
	if _, err := job.Run(context.Background(), aquifer.RunOptions{Parallelism: 1}); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// good: lamp
	// odd: chair for -80.00
}
