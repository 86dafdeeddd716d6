package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAMarkIsMetOnItsSideOfWhatIsWanted(t *testing.T) {
	for _, c := range []struct {
		m      mark
		met    bool
		wanted string
	}{
		{atLeast("a", 2, 2, "×", ""), true, "≥ 2"}, {atLeast("a", 1.999, 2, "×", ""), false, "≥ 2"},
		{atMost("a", 0.01, 0.01, "×", ""), true, "≤ 0.01"}, {atMost("a", 0.011, 0.01, "×", ""), false, "≤ 0.01"},
	} {
		if c.m.Met != c.met || c.m.Wanted != c.wanted {
			t.Errorf("%+v, want %v, %s", c.m, c.met, c.wanted)
		}
	}
}

func TestTheTableShowsWhatWasMissed(t *testing.T) {
	var b bytes.Buffer
	show(&b, []mark{atLeast("fast", 2.5, 2, "×", "5 against 2"), atMost("small", 700, 600, "MiB", "peak")})
	lines := strings.Split(b.String(), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], "what") {
		t.Fatalf("%q", lines)
	}
	for i, words := range []string{"fast 2.5 × ≥ 2 ok 5 against 2", "small 700 MiB ≤ 600 MISSED peak"} {
		if got := strings.Join(strings.Fields(lines[i+1]), " "); got != words {
			t.Errorf("%q, want %q", got, words)
		}
	}
}

func TestTheFiguresAreWrittenAsJSONWithNamesOfTheirOwn(t *testing.T) {
	text, err := json.Marshal(atMost("small", 1, 2, "MiB", "peak"))
	want := `{"name":"small","value":1,"unit":"MiB","wanted":"≤ 2","met":true,"detail":"peak"}`
	if err != nil || string(text) != want {
		t.Errorf("%s, %v; want %s", text, err, want)
	}
}

func TestWhatIsNotAskedForIsNotMeasured(t *testing.T) {
	path := filepath.Join(t.TempDir(), "figures.json")
	var out bytes.Buffer
	if err := run(t.Context(), options{only: "no such suite", json: path}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.TrimSpace(string(text)) != "null" || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("%s, %v; shown %q", text, err, out.String())
	}
}

func TestFiguresThatCannotBeWrittenAreAnError(t *testing.T) {
	o := options{only: "no such suite", json: filepath.Join(t.TempDir(), "none", "figures.json")}
	if err := run(t.Context(), o, io.Discard, io.Discard); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestAllocationsAreMeasuredAgainstTheJobWithoutOperators(t *testing.T) {
	marks, err := allocationMarks(context.Background(), options{events: 200_000}, io.Discard)
	if err != nil || len(marks) != 1 || marks[0].Value < 0 || marks[0].Unit != "allocations a record" {
		t.Errorf("%+v, %v", marks, err)
	}
}

func TestWhatCannotBeMeasuredIsNamed(t *testing.T) {
	var out bytes.Buffer
	err := runChild("a hunch", options{}, &out)
	if err == nil || err.Error() != `nothing is called "a hunch"` || out.Len() > 0 {
		t.Errorf("%v, %q", err, out.String())
	}
}

func TestTheMedianIsOfThePairsAndNotOfTheSides(t *testing.T) {
	var as, bs []sample
	for _, pair := range [][2]float64{{10, 1}, {20, 10}, {90, 30}} { // ratios 10, 2 and 3
		as, bs = append(as, sample{WallNS: pair[0]}), append(bs, sample{WallNS: pair[1]})
	}
	if got := median(as, bs, func(a, b sample) float64 { return a.WallNS / b.WallNS }); got != 3 {
		t.Errorf("%v", got)
	}
}

func TestAMeterMeasuresForEachRecord(t *testing.T) {
	m := startMeter()
	for range 1000 {
		kept = append(kept, new([100]byte))
	}
	s := m.stop(1000)
	if s.Mallocs < 1 || s.Mallocs > 3 || s.WallNS <= 0 || s.Records != 1000 {
		t.Errorf("%+v", s)
	}
}

var kept []*[100]byte
