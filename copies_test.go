package aquifer

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	unalignedCopies = flag.Int("unaligned.copies", 0, "processes that run trials in real time at once; 0 for two of them, briefly")
	unalignedTrials = flag.Uint64("unaligned.trials", 7, "how many trials each of these runs")
	unalignedCopy   = flag.Bool("unaligned.copy", false, "be one of these processes")
)

// TestTrialsInRealTime is what each of the copies runs.
func TestTrialsInRealTime(t *testing.T) {
	if !*unalignedCopy {
		return // TestRowsInFlightSurviveWhereProcessesCompete starts it
	}
	names, seed := slices.Sorted(maps.Keys(topologies)), firstSeed()
	var all tally
	for i := range *unalignedTrials {
		name, scale := names[i%uint64(len(names))], rescalings[i/uint64(len(names))%uint64(len(rescalings))]
		x := newTrial(seed+i, topologies[name], scale[0], scale[1])
		x.real = true
		if err := x.run(t); err != nil {
			t.Fatalf("%s from %d to %d, seed %d: %v", name, scale[0], scale[1], seed+i, err)
		}
		all.add(x)
	}
	fmt.Printf("copy: %+v\n", all)
}

// The schedules of these trials are the machine's: processes compete for its processors, and time is real.
func TestRowsInFlightSurviveWhereProcessesCompete(t *testing.T) {
	if *unalignedCopy {
		return
	}
	copies := *unalignedCopies
	if copies == 0 {
		copies = 2
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Duration(*unalignedTrials)*5*time.Second)
	defer cancel()
	seed := firstSeed()
	var all sync.WaitGroup
	for i := range copies {
		all.Go(func() {
			c := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestTrialsInRealTime$", "-test.timeout=0", "-unaligned.copy",
				fmt.Sprintf("-unaligned.seed=%d", seed+uint64(i)*1_000_000), fmt.Sprintf("-unaligned.trials=%d", *unalignedTrials))
			out, err := c.CombinedOutput()
			if err != nil || !strings.Contains(string(out), fmt.Sprintf("copy: {trials:%d ", *unalignedTrials)) {
				t.Errorf("copy %d: %v\n%s", i, err, out)
				return
			}
			t.Logf("copy %d, seed %d: %s", i, seed+uint64(i)*1_000_000, strings.SplitN(string(out), "\n", 2)[0])
		})
	}
	all.Wait()
}
