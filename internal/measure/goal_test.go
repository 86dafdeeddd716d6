package measure

import (
	"math"
	"testing"
	"time"
)

func TestAGoalIsMetOrMissed(t *testing.T) {
	for want, g := range map[string]Goal{
		"(wanted ≤ 1.2: ok)":      AtMost("sizes", "x", 1.2, 1.2),
		"(wanted ≤ 1.2: MISSED)":  AtMost("sizes", "x", 1.21, 1.2),
		"(wanted ≥ 0.97: ok)":     AtLeast("cost", "x", 0.97, 0.97),
		"(wanted ≥ 0.97: MISSED)": AtLeast("cost", "x", 0.96, 0.97),
		"(wanted ≤ 0: MISSED)":    AtMost("restore", "x", math.NaN(), 0),
	} {
		if got := g.Verdict(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestAMedianIsInTheMiddle(t *testing.T) {
	a, b, c := Median([]float64{}), Median([]float64{9, 1, 5}), Median([]time.Duration{4, 1, 2, 100})
	if a != 0 || b != 5 || c != 3 {
		t.Errorf("%v, %v, %v", a, b, c)
	}
}

func TestThePeakOfMemoryIsAtLeastWhatThereIs(t *testing.T) {
	if now, peak := Resident(), PeakResident(); now < 1<<20 || peak < now {
		t.Errorf("%d bytes now, %d at most", now, peak)
	}
}
