package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aquifer-stream/aquifer/internal/control"
)

// printJobs prints a line for each job.
func printJobs(w io.Writer, jobs []control.Job) error {
	if len(jobs) == 0 {
		_, err := fmt.Fprintln(w, "no job runs")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "JOB\tPROCESS\tSTATUS\tFOR\tROWS/S\tRESTARTS\tCHECKPOINT\tSTATE\t")
	for _, j := range jobs {
		checkpoint := "-"
		if c, ok := newest(j); ok {
			checkpoint = fmt.Sprint(c.Checkpoint)
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%.0f\t%d\t%s\t%s\t\n", j.Name, j.Process, j.Status, since(j.Started), j.RowsPerS,
			j.Restarts, checkpoint, place(j.State))
	}
	return t.Flush()
}

// newest is the newest checkpoint that was stored in this run.
func newest(j control.Job) (last control.Checkpoint, ok bool) {
	for _, c := range j.Checkpoints {
		if c.Error == "" {
			last, ok = c, true
		}
	}
	return last, ok
}

func since(ms int64) string { return time.Since(time.UnixMilli(ms)).Round(time.Second).String() }

func clock(ms int64) string { return time.UnixMilli(ms).Format(time.DateTime) }

// printJob prints all that a job tells.
func printJob(w io.Writer, j control.Job) error {
	fmt.Fprintf(w, "%s, process %d, %s for %s\n", j.Name, j.Process, j.Status, since(j.Started))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(t, name+"\t"+format+"\t\n", args...) }
	line("socket", "%s", j.Socket)
	line("state", "%s: %d bytes in memory, %d keys, %d bytes stored", place(j.State), j.MemoryBytes, j.Keys, j.StoredBytes)
	if j.ResumedFrom > 0 {
		line("resumed from", "checkpoint %d", j.ResumedFrom)
	}
	line("rows", "%d read, %d written, %.0f a second", j.RowsRead, j.RowsWritten, j.RowsPerS)
	if j.EventTimeKnown {
		line("event time", "%s", time.UnixMilli(j.EventTime).UTC().Format(time.DateTime))
	}
	line("restarts", "%d", j.Restarts)
	if waiting := restarting(j); len(waiting) > 0 {
		line("restarting", "%s", strings.Join(waiting, ", "))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, table := range []func(io.Writer, control.Job){printOperators, printCheckpoints, printFailures} {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		table(t, j)
		if err := t.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// restarting are the operators that wait for a restart.
func restarting(j control.Job) (names []string) {
	for _, o := range j.Operators {
		if o.Restarting {
			names = append(names, o.Name)
		}
	}
	return names
}

func printOperators(w io.Writer, j control.Job) {
	fmt.Fprintln(w, "\nOPERATOR\tSUBTASKS\tFROM\tROWS IN\tROWS OUT\tSTATE BYTES\t")
	for _, o := range j.Operators {
		var from []string
		for _, e := range o.Inputs {
			from = append(from, fmt.Sprintf("%s (%s)", e.From, e.Exchange))
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%d\t%d\t\n", o.Name, o.Parallelism, cmp.Or(strings.Join(from, ", "), "-"),
			o.RowsIn, o.RowsOut, o.MemoryBytes)
	}
}

func printCheckpoints(w io.Writer, j control.Job) {
	if len(j.Checkpoints) == 0 {
		return
	}
	fmt.Fprintln(w, "\nCHECKPOINT\tTIME\tREASON\tSECONDS\tBYTES\tNEW BYTES\t")
	for _, c := range j.Checkpoints {
		if c.Error != "" {
			fmt.Fprintf(w, "%d\t%s\tfailed: %s\n", c.Checkpoint, clock(c.Time), firstLine(c.Error))
			continue
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%.3f\t%d\t%d\t\n", c.Checkpoint, clock(c.Time), c.Reason, c.Seconds, c.Bytes, c.NewBytes)
	}
}

func printFailures(w io.Writer, j control.Job) {
	if len(j.Failures) == 0 {
		return
	}
	fmt.Fprintln(w, "\nRESTARTED\tPAUSE\tOPERATOR\tBECAUSE")
	for _, f := range j.Failures {
		fmt.Fprintf(w, "%s\t%.1fs\t%s\t%s\n", clock(f.Time), f.PauseSeconds, cmp.Or(f.Operator, "-"), because(f))
	}
}

// because is what a job was restarted for: the operator and what it was called for, where that is known.
func because(f control.Failure) string {
	where := f.UID
	for _, part := range []struct{ name, value string }{{"key", f.Key}, {"record", f.Record}} {
		if part.value != "" {
			where += ", " + part.name + " " + part.value
		}
	}
	if where == "" {
		return firstLine(f.Message)
	}
	return where + ": " + firstLine(f.Message)
}

// firstLine is the first line of a message.
func firstLine(message string) string {
	line, _, _ := strings.Cut(message, "\n")
	return line
}
