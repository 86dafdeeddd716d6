// Command speed measures Aquifer against what it promises: the generator alone, a query against the generator, and
// keyed state against a Go map. The Nexmark queries, also beside another engine, are measured by aquifer bench nexmark.
//
//	go run ./bench/speed
//	go run ./bench/speed -rounds 5 -only state
//	go run ./bench/speed -json figures.json
//
// Every figure is a ratio of pairs, measured alternately in processes of their own, so that neither the machine's
// mood nor the other's garbage is in it. The exit code is 1 when a mark is missed.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"text/tabwriter"
)

// mark is one figure beside what is asked for.
type mark struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Wanted string  `json:"wanted"`
	Met    bool    `json:"met"`
	// Detail says what the value was computed from.
	Detail string `json:"detail"`
}

func atLeast(name string, value, least float64, unit, detail string) mark {
	return mark{name, value, unit, fmt.Sprintf("≥ %g", least), value >= least, detail}
}

func atMost(name string, value, most float64, unit, detail string) mark {
	return mark{name, value, unit, fmt.Sprintf("≤ %g", most), value <= most, detail}
}

// errMissed ends the program with a failure after all has been shown.
var errMissed = errors.New("marks were missed")

// options are the command's flags.
type options struct {
	rounds, events int
	only, profile  string
	json           string
}

func main() {
	var o options
	var child string
	flag.IntVar(&o.rounds, "rounds", 3, "pairs to measure; the median counts")
	flag.IntVar(&o.events, "events", 10_000_000, "events of a Nexmark query")
	flag.StringVar(&o.only, "only", "", "measure what has this in its name: generator, state, allocations")
	flag.StringVar(&o.json, "json", "", "file for the figures")
	flag.StringVar(&child, "child", "", "measure one side of a pair, and print it (used by the program itself)")
	flag.StringVar(&o.profile, "profile", "", "file for the processor profile of a -child")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch {
	case o.rounds < 1 || o.events < 1:
		err = fmt.Errorf("%d rounds of %d events: there must be some", o.rounds, o.events)
	case child != "":
		err = runChild(child, o, os.Stdout)
	default:
		err = run(ctx, o, os.Stdout, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "speed:", err)
		os.Exit(1)
	}
}

// run measures all that is wanted and shows it.
func run(ctx context.Context, o options, stdout, stderr io.Writer) error {
	suites := []struct {
		name string
		run  func(context.Context, options, io.Writer) ([]mark, error)
	}{{"generator", generatorMarks}, {"state", stateMarks}, {"allocations", allocationMarks}}
	var marks []mark
	for _, s := range suites {
		if !strings.Contains(s.name, o.only) {
			continue
		}
		found, err := s.run(ctx, o, stderr)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		marks = append(marks, found...)
	}
	show(stdout, marks)
	if o.json != "" {
		text, err := json.MarshalIndent(marks, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.json, append(text, '\n'), 0o666); err != nil {
			return err
		}
	}
	for _, m := range marks {
		if !m.Met {
			return errMissed
		}
	}
	return nil
}

// show prints the marks as a table.
func show(w io.Writer, marks []mark) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "what\tmeasured\twanted\t\tdetail")
	for _, m := range marks {
		verdict := "ok"
		if !m.Met {
			verdict = "MISSED"
		}
		fmt.Fprintf(t, "%s\t%.4g %s\t%s\t%s\t%s\n", m.Name, m.Value, m.Unit, m.Wanted, verdict, m.Detail)
	}
	_ = t.Flush()
}
