package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/aquifer-stream/aquifer/internal/objstore/open"
	"github.com/aquifer-stream/aquifer/nexmark"
)

// allQueries is in the place of a query's name.
const allQueries = "all"

// runAll runs all queries, one after the other. It ends with the first that fails or is interrupted.
func runAll(ctx context.Context, _ string, f nexmarkFlags, stdout, stderr io.Writer) error {
	for _, name := range nexmark.Names() {
		if err := f.of(name).one(ctx, name, stdout, stderr, report.printLine); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// of are the flags for one query of all: its state and its files are apart from those of the others.
func (f nexmarkFlags) of(query string) nexmarkFlags {
	if f.run.State != "" {
		f.run.State = open.Below(f.run.State, query)
	}
	if f.out != "discard" && f.out != "hash" {
		f.out = filepath.Join(f.out, query)
	}
	return f
}

// printLine shows the report in one line.
func (r report) printLine(w io.Writer) {
	hash := ""
	if r.Hash != nil {
		hash = "  hash " + *r.Hash
	}
	fmt.Fprintf(w, "%-4s %d events, %d rows%s: %.0f events/s, %.0f events per second of CPU\n",
		r.Query, r.Events, r.Rows, hash, r.EventsPerS, r.EventsPerCPUS)
}
