package aquifer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/aquifer-stream/aquifer/internal/coordinator"
	"github.com/aquifer-stream/aquifer/internal/logbook"
	"github.com/aquifer-stream/aquifer/internal/scrape"
)

// observer tells the world of a run: the program's function, the logger and whoever reads metrics. Events come one at
// a time.
type observer struct {
	next    func(Event)
	log     *slog.Logger // nil for none
	book    logbook.Logbook
	metrics *scrape.Server // nil for none
}

// observe begins to serve metrics, if that is asked for. The observer must be ended.
func (o RunOptions) observe(ctx context.Context, job string) (*observer, error) {
	w := &observer{next: o.OnEvent}
	if o.Logger != nil {
		w.log = o.Logger.With("job", job)
	}
	if o.Metrics == "" {
		return w, nil
	}
	var err error
	w.metrics, err = scrape.Serve(ctx, scrape.Config{Address: o.Metrics, Credentials: o.MetricsCredentials, Job: job})
	if err != nil {
		return nil, err
	}
	w.hear(MetricsServed{URL: w.metrics.URL()})
	return w, nil
}

// hear takes an event in. Whoever is told of it finds the metrics of that moment.
func (w *observer) hear(e Event) {
	if p, ok := e.(Progress); ok && w.metrics != nil {
		w.metrics.Tell(p.Metrics)
	}
	if w.log != nil {
		logbook.Write(w.log, w.book.Step(e))
	}
	if w.next != nil {
		w.next(e)
	}
}

// end tells of the end of the run and serves no metrics any more. It returns the run's error with its own.
func (w *observer) end(r Result, err error) error {
	if w.log != nil {
		logbook.Write(w.log, w.book.End(coordinator.Result(r), err))
	}
	if w.metrics == nil {
		return err
	}
	return errors.Join(err, w.metrics.Close())
}

// logFlag is the flag that makes a logger.
type logFlag struct {
	logger **slog.Logger
	format string
}

// String implements pflag.Value.
func (f *logFlag) String() string { return f.format }

// Type implements pflag.Value.
func (f *logFlag) Type() string { return "text|json" }

// Set implements pflag.Value.
func (f *logFlag) Set(format string) error {
	switch format {
	case "text":
		*f.logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	case "json":
		*f.logger = slog.New(slog.NewJSONHandler(os.Stderr, nil))
	default:
		return fmt.Errorf("%q is no format: choose text or json", format)
	}
	f.format = format
	return nil
}
