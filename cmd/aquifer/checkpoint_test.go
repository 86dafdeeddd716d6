package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/checkpoint/store"
	"github.com/aquifer-stream/aquifer/internal/programtest"
)

// The story of a person's first minutes: start, look at it from another terminal, stop, start again.
func TestTheQuickstartIsStoppedAndGoesOn(t *testing.T) {
	home := t.TempDir()
	state := filepath.Join(home, "cache", "aquifer", "quickstart")
	first := start(t, home, "quickstart")
	first.WaitFor(t, "state in "+state)
	first.WaitFor(t, "hottest auctions, ")
	if row := first.WaitFor(t, "auction"); !strings.Contains(row, " bids  █") {
		t.Errorf("no auctions are shown: %q", row)
	}

	second := start(t, home, "quickstart").Wait(t)
	if second.Code != 2 || !strings.Contains(second.Stderr, "stop the other process first") {
		t.Errorf("while the first runs, a second one ends with %d: %s", second.Code, second.Stderr)
	}
	succeed(t, "checkpoint", "list", state) // while the job runs

	first.Signal(t, os.Interrupt)
	stopped := first.Wait(t)
	all := programtest.Parse[[]store.Entry](t, succeed(t, "checkpoint", "list", state, "--json"))
	last := all[len(all)-1]
	if last.Reason != checkpoint.ReasonStop || last.Tables == 0 || last.Bytes == 0 || last.Damage != "" {
		t.Errorf("the last checkpoint is %+v", last)
	}
	want := fmt.Sprintf("interrupted after checkpoint %d: started again, the job goes on", last.Checkpoint)
	if stopped.Code != 3 || !strings.Contains(stopped.Stderr, want) {
		t.Errorf("exit code %d, no %q: %s", stopped.Code, want, stopped.Stderr)
	}

	again := start(t, home, "quickstart")
	again.WaitFor(t, fmt.Sprintf("resumed from checkpoint %d, taken ", last.Checkpoint))
	again.Signal(t, syscall.SIGTERM) // as service managers stop it
	if r := again.Wait(t); r.Code != 3 {
		t.Errorf("stopped again: exit code %d: %s", r.Code, r.Stderr)
	}
}

func TestABoundedQuickstartEnds(t *testing.T) {
	r := command(t, "quickstart", "--events", "100")
	for _, window := range []string{"23:59:52 to 00:00:02", "23:59:58 to 00:00:08", "00:00:00 to 00:00:10"} {
		if strings.Count(r.Stdout, window+" (event time)\n  auction ") != 1 {
			t.Errorf("the window from %s is not shown once", window)
		}
	}
	if r.Code != 0 || strings.Count(r.Stdout, "hottest auctions") != 5 {
		t.Errorf("exit code %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// bench fills a state directory with two checkpoints, which share their tables.
func bench(t *testing.T) string {
	t.Helper()
	state := filepath.Join(t.TempDir(), "state")
	for range 2 {
		succeed(t, "nexmark", "q18", "--events", "2000", "--state", state)
	}
	return state
}

func TestCheckpointsAreListedShownAndVerified(t *testing.T) {
	state := bench(t)
	all := programtest.Parse[[]store.Entry](t, succeed(t, "checkpoint", "list", state, "--json"))
	if len(all) != 2 || all[0].Checkpoint != 1 || all[1].Checkpoint != 2 {
		t.Fatalf("%+v", all)
	}
	if all[0].Reason != checkpoint.ReasonEnd || all[0].Tables == 0 || all[0].Created == 0 || all[0].Term != 1 {
		t.Errorf("%+v", all[0])
	}
	table := succeed(t, "checkpoint", "list", state).Stdout
	if !strings.HasPrefix(table, "CHECKPOINT  TAKEN") || strings.Count(table, "\n") != 3 {
		t.Errorf("%s", table)
	}

	latest := programtest.Parse[checkpoint.Manifest](t, succeed(t, "checkpoint", "show", state))
	first := programtest.Parse[checkpoint.Manifest](t, succeed(t, "checkpoint", "show", state, "1", "--json"))
	if latest.Checkpoint != 2 || first.Checkpoint != 1 || first.Job != "nexmark-q18" {
		t.Errorf("%d, %d of job %q", latest.Checkpoint, first.Checkpoint, first.Job)
	}
	if len(first.Tables()) != all[0].Tables {
		t.Errorf("%d tables are shown and %d listed", len(first.Tables()), all[0].Tables)
	}

	for _, v := range programtest.Parse[[]verified](t, succeed(t, "checkpoint", "verify", state, "--json")) {
		if !v.Whole || v.Damage != "" || v.Tables == 0 {
			t.Errorf("%+v", v)
		}
	}
	text := succeed(t, "checkpoint", "verify", state).Stdout
	if !strings.HasPrefix(text, "checkpoint 1: whole, ") || strings.Count(text, "\n") != 2 {
		t.Errorf("%s", text)
	}
}

func TestACheckpointThatIsNotThereIsAMistake(t *testing.T) {
	state := bench(t)
	for id, want := range map[string]string{"9": "no checkpoint 9: it has 1, 2", "x": `"x" is not the number`} {
		r := command(t, "checkpoint", "show", state, id)
		if r.Code != 2 || r.Stdout != "" || !strings.Contains(r.Stderr, want) {
			t.Errorf("exit code %d, %q", r.Code, r.Stderr)
		}
	}
}

// damage changes an object of a state directory; nil removes it.
func damage(t *testing.T, state, name string, change func([]byte) []byte) {
	t.Helper()
	path := filepath.Join(state, filepath.FromSlash(name))
	b, err := os.ReadFile(path)
	must(t, err)
	must(t, os.Remove(path))
	if change != nil {
		must(t, os.WriteFile(path, change(b), 0o644))
	}
}

func flip(b []byte) []byte  { b[len(b)/2] ^= 1; return b }
func cut(b []byte) []byte   { return b[:len(b)-1] }
func empty(b []byte) []byte { return nil }

func TestVerifyNamesTheDamagedTable(t *testing.T) {
	for name, c := range map[string]struct {
		change func([]byte) []byte
		want   string
	}{
		"a flipped bit": {flip, "its checksum is "}, "a missing byte": {cut, " bytes, not "},
		"an empty object": {empty, "it has 0 bytes"}, "a missing object": {nil, "is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			state, table := damagedTable(t, c.change)
			r := command(t, "checkpoint", "verify", state)
			if r.Code != 1 || !strings.Contains(r.Stdout, "checkpoint 2: damaged: table "+table) {
				t.Errorf("exit code %d: %s", r.Code, r.Stdout)
			}
			want := " of 2 checkpoints are damaged: table " + table
			if !strings.Contains(r.Stderr, want) || !strings.Contains(r.Stderr, c.want) {
				t.Errorf("no %q and %q: %s", want, c.want, r.Stderr)
			}
			asJSON := command(t, "checkpoint", "verify", state, "--json")
			all := programtest.Parse[[]verified](t, asJSON)
			if asJSON.Code != 1 || all[1].Whole || !strings.Contains(all[1].Damage, table) {
				t.Errorf("exit code %d: %+v", asJSON.Code, all)
			}
		})
	}
}

// damagedTable returns a state directory with a damaged table of the last checkpoint, and the table's name.
func damagedTable(t *testing.T, change func([]byte) []byte) (state, table string) {
	t.Helper()
	state = bench(t)
	m := programtest.Parse[checkpoint.Manifest](t, succeed(t, "checkpoint", "show", state))
	table = m.Tables()[0].Name
	damage(t, state, table, change)
	return state, table
}

func TestADamagedManifestIsNamedAndTheCheckpointBeforeItOffered(t *testing.T) {
	state := bench(t)
	all := programtest.Parse[[]store.Entry](t, succeed(t, "checkpoint", "list", state, "--json"))
	damage(t, state, all[1].Manifest, flip)
	for _, r := range []programtest.Ran{
		command(t, "checkpoint", "verify", state), command(t, "checkpoint", "show", state),
		command(t, "nexmark", "q18", "--events", "2000", "--state", state),
	} {
		if r.Code != 1 || !strings.Contains(r.Stderr, all[1].Manifest) || !strings.Contains(r.Stderr, "--from 1") {
			t.Errorf("exit code %d: %s", r.Code, r.Stderr)
		}
	}
	if list := succeed(t, "checkpoint", "list", state).Stdout; !strings.Contains(list, "2           damaged: ") {
		t.Errorf("%s", list)
	}
	back := succeed(t, "nexmark", "q18", "--events", "2000", "--state", state, "--from", "1")
	if !strings.Contains(back.Stderr, "resumed from checkpoint 1, ") {
		t.Errorf("%s", back.Stderr)
	}
}

func TestADamagedHeadIsNamed(t *testing.T) {
	state := bench(t)
	damage(t, state, "head", func([]byte) []byte { return []byte("garbage") })
	for _, args := range [][]string{
		{"checkpoint", "list", state}, {"checkpoint", "verify", state},
		{"nexmark", "q18", "--events", "2000", "--state", state},
	} {
		r := command(t, args...)
		if r.Code != 1 || r.Stdout != "" || !strings.Contains(r.Stderr, "head in "+state+": damaged") {
			t.Errorf("%q: exit code %d, %q", args, r.Code, r.Stderr)
		}
	}
}

func TestGarbageInTheStateDirectoryIsPassedOver(t *testing.T) {
	state := bench(t)
	before := succeed(t, "checkpoint", "list", state, "--json").Stdout
	garbage := []string{
		"notes.txt", "checkpoints/notes.txt", "checkpoints/7-x.manifest", "shards/aa/x.table", ".hidden",
	}
	for _, name := range garbage {
		path := filepath.Join(state, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte("garbage"), 0o644))
	}
	if after := succeed(t, "checkpoint", "list", state, "--json").Stdout; after != before {
		t.Errorf("%s, without the garbage %s", after, before)
	}
	succeed(t, "checkpoint", "verify", state)
	r := succeed(t, "nexmark", "q18", "--events", "2000", "--state", state, "--json")
	if got := programtest.Parse[report](t, r); got.ResumedFrom != 2 || got.CheckpointsFailed > 0 {
		t.Errorf("%+v", got)
	}
	left := slices.DeleteFunc(garbage, func(name string) bool {
		_, err := os.Stat(filepath.Join(state, name))
		return err != nil
	})
	if !slices.Contains(left, "notes.txt") || !slices.Contains(left, "checkpoints/notes.txt") {
		t.Errorf("only %q are left: somebody's files were removed", left)
	}
}
