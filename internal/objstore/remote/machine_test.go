package remote

import (
	"os"
	"os/exec"
	"testing"
)

func TestAHolderOfThisMachineIsKnownToBeDead(t *testing.T) {
	c := exec.Command("true")
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	process := c.Process.Pid
	if machine() == "" {
		t.Log("processes cannot be told apart here: leases are waited for")
		return
	}
	for name, l := range map[string]struct {
		lease
		dead bool
	}{
		"dead":               {lease{Process: process, Machine: machine()}, true},
		"alive":              {lease{Process: os.Getpid(), Machine: machine()}, false},
		"of another machine": {lease{Process: process, Machine: "another"}, false},
		"of an unknown one":  {lease{Process: process}, false},
		"without a number":   {lease{Machine: machine()}, false},
	} {
		if l.lease.dead() != l.dead {
			t.Errorf("%s: dead is %v", name, !l.dead)
		}
	}
}
