package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/aqtest"
)

func TestTheCountsOfWordsSurviveCrashesAndRescaling(t *testing.T) {
	counts := aqtest.Survives(t, func(job *aqtest.Job) aquifer.Stream[Count] {
		return countWords(aqtest.From(job, "lines", aqtest.Rows("Water, water everywhere", "", "nor any drop", "of WATER.")...))
	})
	slices.SortFunc(counts, func(a, b Count) int { return strings.Compare(a.Word, b.Word) })
	want := []Count{{"any", 1}, {"drop", 1}, {"everywhere", 1}, {"nor", 1}, {"of", 1}, {"water", 3}}
	if !slices.Equal(counts, want) {
		t.Errorf("%v, want %v", counts, want)
	}
}
