package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer"
)

func TestTheExitCodeOfAPlanSaysWhetherARestoreLosesState(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	query := func(more ...string) []string {
		return append([]string{"nexmark", "q18", "--events", "1000", "--state", state}, more...)
	}
	succeed(t, query()...)
	r := command(t, query("--plan", "--json")...)
	var plan aquifer.Restore
	must(t, json.Unmarshal([]byte(r.Stdout), &plan))
	if r.Code != 0 || plan.Checkpoint == 0 || len(plan.Operators) < 3 || plan.Loses() {
		t.Errorf("exit code %d, %+v, %s", r.Code, plan, r.Stderr)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{query("--plan"), 0, "keep"},
		{query("--plan", "--max-parallelism", "64"), 1, "set the max parallelism to 256"},
		{query("--plan", "--from", "99"), 2, "has no checkpoint 99"},
		{[]string{"nexmark", "q18", "--plan"}, 2, "--state"},
		{[]string{"nexmark", "q5", "--plan", "--state", state}, 2, `holds the state of job "nexmark-q18"`},
	} {
		r := command(t, c.args...)
		if r.Code != c.code || !strings.Contains(r.Stdout+r.Stderr, c.says) || strings.Count(r.Stderr, "\n") > 1 {
			t.Errorf("%q: exit code %d, %q, %q", c.args, r.Code, r.Stdout, r.Stderr)
		}
	}
}
