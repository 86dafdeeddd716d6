package checkpoint

import (
	"fmt"
	"io"

	"github.com/aquifer-stream/aquifer/internal/measure"
)

// flat is the goal that a time does not grow with the state: by a ratio, or by less than as many seconds as leeway.
func flat(part, what string, small, large, most, leeway float64) measure.Goal {
	g := measure.AtMost(part, what, ratio(large, small), most)
	g.OK = g.OK || large-small < leeway
	return g
}

// printGoals prints a line for each goal of a part.
func (r Report) printGoals(w io.Writer, part string) {
	for _, g := range r.Goals {
		if g.Part == part {
			fmt.Fprintf(w, "%s: %.3g %s\n", g.What, g.Value, g.Verdict())
		}
	}
}
