package nexmark

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/discard"
	"github.com/aquifer-stream/aquifer/connector/file"
	"github.com/aquifer-stream/aquifer/connector/nexmark"
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/table"
)

// Query is one query of the benchmark.
type Query struct {
	// Name is as in "q5", Title says what it computes.
	Name, Title string
	build       func(events aquifer.Stream[nexmark.Event], out *Output)
}

var queries = []Query{
	{"q0", "every bid, unchanged", q0},
	{"q1", "every bid with its price in euro", q1},
	{"q2", "the bids on every 123rd auction", q2},
	{"q3", "who sells in the near states, in one category", q3},
	{"q4", "the average price of winning bids in each category", q4},
	{"q5", "the auctions with the most bids of the last ten seconds, every two seconds", q5},
	{"q6", "the average price of the last ten auctions of each seller", q6},
	{"q7", "the bids of the highest price in each window", q7},
	{"q8", "who registered and sold in the same window", q8},
	{"q9", "the winning bid of each auction", q9},
	{"q10", "bids in files by day and minute", q10},
	{"q11", "the number of bids of each bidder in each session", q11},
	{"q12", "the number of bids of each bidder, by the clock", q12},
	{"q13", "bids with a text from a table", q13},
	{"q14", "bids in a range of prices, with the time of day and a count of letters", q14},
	{"q15", "bids, bidders and auctions of each day", q15},
	{"q16", "bids, bidders and auctions of each channel and day", q16},
	{"q17", "the prices of each auction and day", q17},
	{"q18", "the last bid of each bidder on each auction", q18},
	{"q19", "the ten highest bids on each auction", q19},
	{"q20", "bids with their auctions, in one category", q20},
	{"q21", "bids with the id of their channel", q21},
	{"q22", "bids with the directories of their url", q22},
	{"q23", "bids with their bidders and what these sell", q23},
}

// Names returns the names of all queries.
func Names() []string {
	var names []string
	for _, q := range queries {
		names = append(names, q.Name)
	}
	return names
}

// ByName returns the query of that name.
func ByName(name string) (Query, error) {
	i := slices.IndexFunc(queries, func(q Query) bool { return q.Name == name })
	if i < 0 {
		return Query{}, flow.ConfigErrorf("there is no query %q; there are %s", name, strings.Join(Names(), ", "))
	}
	return queries[i], nil
}

// Build adds the query to a job: its source, its operators and the given output.
func (q Query) Build(job *aquifer.Job, config nexmark.Config, out *Output) {
	events := aquifer.From(job, "events", nexmark.New(config),
		aquifer.EventTime(func(e *nexmark.Event) int64 { return e.Time }, nexmark.WatermarkDelay))
	q.build(events, out)
}

// Output is where a query's rows go: nowhere but a counter, a hash, or files.
type Output struct {
	dir   string
	hash  bool
	total func() (rows int64, hash uint64)
	clock *clock // nil without Time
}

// NewOutput returns an output by its name: "discard" counts rows, "hash" hashes them too, and anything else is
// a directory that gets them as lines of text.
func NewOutput(to string) *Output {
	switch to {
	case "discard", "":
		return &Output{}
	case "hash":
		return &Output{hash: true}
	}
	return &Output{dir: to}
}

// Total returns the number of rows of the result and, if asked for, its hash, after the job has ended. For files
// it returns zeros.
func (o *Output) Total() (rows int64, hash uint64) {
	if o.total == nil {
		return 0, 0
	}
	return o.total()
}

// Hashed reports whether the output computes a hash.
func (o *Output) Hashed() bool { return o.hash }

// write ends a stream of rows that are only ever added. text appends a row's canonical text. The options are for files.
func write[T any](
	s aquifer.Stream[T], out *Output, text func(dst []byte, row *T) []byte, files ...file.SinkOption[T],
) {
	if out.dir != "" {
		end(s, out, file.WriteText(out.dir, text, files...))
		return
	}
	var options []discard.Option[T]
	if out.hash {
		options = append(options, discard.Hash(text))
	}
	sink := discard.New(options...)
	out.total = sink.Total
	end[T](s, out, sink)
}

// writeChanges ends a table. In files a row begins with its kind of change.
func writeChanges[T any](s table.Changelog[T], out *Output, text func(dst []byte, row *T) []byte) {
	rowText := func(dst []byte, c *aquifer.Change[T]) []byte { return text(dst, &c.Row) }
	if out.dir != "" {
		end(s, out, file.WriteText(out.dir, func(dst []byte, c *aquifer.Change[T]) []byte {
			return rowText(append(append(dst, c.Kind.String()...), ' '), c)
		}))
		return
	}
	retracts := func(c *aquifer.Change[T]) bool { return c.Kind.Weight() < 0 }
	options := []discard.Option[aquifer.Change[T]]{discard.Retract(retracts)}
	if out.hash {
		options = append(options, discard.Hash(rowText))
	}
	sink := discard.New(options...)
	out.total = sink.Total
	end[aquifer.Change[T]](s, out, sink)
}

// bids are the bids among the events.
func bids(events aquifer.Stream[nexmark.Event]) aquifer.Stream[nexmark.Bid] {
	return aquifer.FlatMap(events, func(e *nexmark.Event, out flow.Collector[nexmark.Bid]) error {
		if e.Bid != nil {
			out.Emit(*e.Bid)
		}
		return nil
	}, aquifer.Name("bids"))
}

// HashText is a hash as results print it.
func HashText(hash uint64) string { return fmt.Sprintf("%016x", hash) }
