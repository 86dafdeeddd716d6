package measure

import "fmt"

// Goal is what a part of a report is judged by.
type Goal struct {
	// Part is what was measured.
	Part string `json:"part"`
	What string `json:"what"`
	// Value is what was measured, Wanted the most that it should be, or the least if AtLeast is set.
	Value   float64 `json:"value"`
	Wanted  float64 `json:"wanted"`
	AtLeast bool    `json:"at_least,omitempty"`
	OK      bool    `json:"ok"`
}

// AtMost is a goal that a smaller value meets, too.
func AtMost(part, what string, value, wanted float64) Goal {
	return Goal{Part: part, What: what, Value: value, Wanted: wanted, OK: value <= wanted}
}

// AtLeast is a goal that a larger value meets, too.
func AtLeast(part, what string, value, wanted float64) Goal {
	return Goal{Part: part, What: what, Value: value, Wanted: wanted, AtLeast: true, OK: value >= wanted}
}

// Verdict is what a person reads about the goal.
func (g Goal) Verdict() string {
	sign, verdict := "≤", "ok"
	if g.AtLeast {
		sign = "≥"
	}
	if !g.OK {
		verdict = "MISSED"
	}
	return fmt.Sprintf("(wanted %s %g: %s)", sign, g.Wanted, verdict)
}
