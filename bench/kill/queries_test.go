package kill

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore/gateway"
	"github.com/aquifer-stream/aquifer/nexmark"
)

var queries = flag.String("queries", "q4,q20", "queries of the benchmark to be killed, or all")

// A query is killed three times on a real S3 server, in memory that is not enough for its state, and goes on at another
// parallelism each time.
func TestKilledQueriesOnAnObjectStoreWriteWhatAnUndisturbedRunWrites(t *testing.T) {
	t.Logf("seed %d", *seed)
	rng := rand.New(rand.NewPCG(*seed, 1))
	server := gateway.Start(t)
	server.Setenv(t)
	caches := t.TempDir()
	for _, name := range queriesOf(t) {
		t.Run(name, func(t *testing.T) {
			p := query(t, name).in(memoryOf["q18"], caches)
			r := disturb(t, p, 3, rng, State{server.Place(name), server.Dir(name)})
			t.Logf("%d kills, %d of them between the head's advance and the commit, %d too early to count",
				r.Kills, r.Between, r.Early)
		})
	}
}

// queriesOf are those asked for. q12 is none of them: its windows are by the clock.
func queriesOf(t *testing.T) []string {
	t.Helper()
	if *queries != "all" {
		return strings.Split(*queries, ",")
	}
	return slices.DeleteFunc(nexmark.Names(), func(name string) bool { return name == "q12" })
}

// query is a program whose events are paced as long as it is to be killed: event time passes so fast that windows of ten
// seconds are complete every two.
func query(t *testing.T, name string) Program {
	t.Helper()
	run := 0
	return Program{Name: name, Command: func(place, out string) *exec.Cmd {
		parallelism := []int{2, 3, 1, 2}[run%4]
		run++
		c := exec.Command(aquifer(t), "nexmark", name, "--out", out, "--state", place, "--checkpoint-interval", "100ms",
			"--unaligned-after", "-1ns", "--parallelism", fmt.Sprint(parallelism), "--rate", "10000", "--events", "500000")
		if strings.Contains(place, "://") {
			c.Args = append(c.Args, "--pace", "--speed", "5")
		}
		return c
	}}
}
