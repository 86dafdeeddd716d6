package s3

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// ended is the number of a process that is no more.
func ended(t *testing.T) int {
	t.Helper()
	c := exec.Command("true")
	must(t, c.Run())
	return c.Process.Pid
}

func leaseOf(t *testing.T, s *Store, process int, machine string) {
	t.Helper()
	h := &holder{store: s, lease: lease{Holder: "another", Token: "T", Seconds: 20, Process: process, Machine: machine}}
	must(t, h.claim(t.Context()))
}

func TestTheLeaseOfADeadProcessOfThisMachineIsTakenAtOnce(t *testing.T) {
	process := ended(t)
	if machine() == "" {
		t.Log("processes cannot be told apart here: leases are waited for")
		return
	}
	for name, c := range map[string]struct {
		process int
		machine string
		atOnce  bool
	}{
		"dead":               {process, machine(), true},
		"alive":              {os.Getpid(), machine(), false},
		"of another machine": {process, "another", false},
		"of an unknown one":  {process, "", false},
		"without a number":   {0, machine(), false},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, _ *fake, s *Store) {
				leaseOf(t, s, c.process, c.machine)
				begin := time.Now()
				release, err := s.Lock(t.Context())
				must(t, err)
				if atOnce := time.Since(begin) == 0; atOnce != c.atOnce {
					t.Errorf("it was waited for %v", time.Since(begin))
				}
				must(t, release())
			})
		})
	}
}

func TestOfSeveralProcessesThatFindADeadOneOneTakesItsPlace(t *testing.T) {
	process := ended(t)
	story(t, func(t *testing.T, f *fake, s *Store) {
		leaseOf(t, s, process, machine())
		release, err := s.Lock(t.Context())
		must(t, err)
		_, err = f.store(t, "p").Lock(t.Context())
		mustBe(t, err, objstore.ErrLocked)
		must(t, release())
	})
}
