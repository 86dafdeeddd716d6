// Command ledger is the job of the soak test of state: it visits the keys of the plan in SOAK_PLAN, fails when their
// state is not what the plan says, and writes totals into the directory SOAK_OUT at the end.
package main

import (
	"os"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/bench/soak"
)

func main() {
	aquifer.Main(func(job *aquifer.Job) error {
		plan, err := soak.ParsePlan(os.Getenv("SOAK_PLAN"))
		if err != nil {
			return err
		}
		soak.Build(job, plan, os.Getenv("SOAK_OUT"))
		return nil
	})
}
