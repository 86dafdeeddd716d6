package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

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
		f.run.State = below(f.run.State, query)
	}
	if f.out != "discard" && f.out != "hash" {
		f.out = filepath.Join(f.out, query)
	}
	return f
}

// below is a part of a place. A bucket's parameters stay at the end.
func below(place, part string) string {
	scheme, rest, isURL := strings.Cut(place, "://")
	if !isURL {
		return filepath.Join(place, part)
	}
	path, parameters, some := strings.Cut(rest, "?")
	if some {
		parameters = "?" + parameters
	}
	return scheme + "://" + strings.TrimSuffix(path, "/") + "/" + part + parameters
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
