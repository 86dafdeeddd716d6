package checkpoint

import (
	"fmt"
	"io"
)

// Goal is what a part of the report is judged by.
type Goal struct {
	// Part is one of Parts.
	Part string `json:"part"`
	What string `json:"what"`
	// Value is what was measured, Wanted the most that it should be, or the least if AtLeast is set.
	Value   float64 `json:"value"`
	Wanted  float64 `json:"wanted"`
	AtLeast bool    `json:"at_least,omitempty"`
	OK      bool    `json:"ok"`
}

func atMost(part, what string, value, wanted float64) Goal {
	return Goal{Part: part, What: what, Value: value, Wanted: wanted, OK: value <= wanted}
}

func atLeast(part, what string, value, wanted float64) Goal {
	return Goal{Part: part, What: what, Value: value, Wanted: wanted, AtLeast: true, OK: value >= wanted}
}

// flat is the goal that a time does not grow with the state: by a ratio, or by less than as many seconds as leeway.
func flat(part, what string, small, large, most, leeway float64) Goal {
	g := atMost(part, what, ratio(large, small), most)
	g.OK = g.OK || large-small < leeway
	return g
}

// verdict is what a person reads about the goal.
func (g Goal) verdict() string {
	sign, verdict := "≤", "ok"
	if g.AtLeast {
		sign = "≥"
	}
	if !g.OK {
		verdict = "MISSED"
	}
	return fmt.Sprintf("(wanted %s %g: %s)", sign, g.Wanted, verdict)
}

// printGoals prints a line for each goal of a part.
func (r Report) printGoals(w io.Writer, part string) {
	for _, g := range r.Goals {
		if g.Part == part {
			fmt.Fprintf(w, "%s: %.3g %s\n", g.What, g.Value, g.verdict())
		}
	}
}
