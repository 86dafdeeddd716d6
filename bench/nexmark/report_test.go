package nexmark

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"

	queries "github.com/aquifer-stream/aquifer/nexmark"
)

// shown is a report with a row of each kind.
func shown() (r Report) {
	r = Report{Machine: "a machine", Events: 100, Rounds: 3, Parallelism: 2, IntervalS: 10}
	r.add(Row{
		Query: "q0", Speed: Speed{2e7, 1e7}, PeakRSSBytes: 3 << 20, StateBytes: 1 << 19, ObjectRequests: 12,
		Latency: &Timed{1, queries.Latency{P50MS: 1.25, P99MS: 1234}}, BaselineRatio: 1.1,
		Peer: &Engine{Speed: Speed{9e5, 8e5}, PeakRSSBytes: 1 << 30, StateBytes: 1 << 20}, PeerRatio: 12.5,
	})
	r.add(Row{Query: "q6", Speed: Speed{54_321, 0}})
	r.add(Row{
		Query: "q9", Speed: Speed{3e5, 2e5}, PeakRSSBytes: 500e6,
		Peer: &Engine{Speed: Speed{1e5, 5e4}, StateBytes: 50e6}, PeerRatio: 4,
	})
	return r
}

func TestTheTableShowsWhatWasMeasuredAndWhatWasNot(t *testing.T) {
	var b bytes.Buffer
	shown().Print(&b)
	lines := strings.Split(b.String(), "\n")
	for i, want := range []string{
		"q0 20.00 M 10.00 M 3 0.5 12 1.25 1.23e+03 800 k 1024 1.0 12.5 1.1",
		"q6 54.3 k - 0 0.0 0 - - - - - - -",
		"q9 300 k 200 k 477 0.0 0 - - 50.0 k 0 47.7 4 -",
	} {
		if got := strings.Join(strings.Fields(lines[i+1]), " "); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for _, want := range []string{
		"100 events, of which those of the second half were measured; parallelism 2; a checkpoint every 10 s; " +
			"medians of 3; a machine\n",
		"q9: 4 times the peer (wanted ≥ 5: MISSED)\n",
		"q9: 500 MB of memory at the peak (wanted ≤ 450: MISSED)\n",
		"all: 7.07 times the peer in geometric mean (wanted ≥ 10: MISSED)\n",
		"1.1 times the baseline in geometric mean\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in %s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "q0: ") {
		t.Errorf("a goal that is met has a line: %s", b.String())
	}
}

func TestARatioIsTheMedianOfTheRoundsAndNotOfTheEngines(t *testing.T) {
	sample := func(peer bool, events int64, s float64) Sample {
		return Sample{Peer: peer, Events: events, CPUS: s, WallS: s}
	}
	x := Row{}
	for _, s := range [][2]float64{{1, 10}, {10, 20}, {30, 90}} { // ratios 10, 2 and 3
		x.Runs = append(x.Runs, sample(false, 1, 5), sample(false, 2, 5+s[0]), sample(true, 1, 7), sample(true, 2, 7+s[1]))
	}
	if x.evaluate(); x.PeerRatio != 3 || x.EventsPerS != 0.1 || x.Peer.EventsPerS != 0.05 {
		t.Errorf("%+v, %+v", x, x.Peer)
	}
	x.Runs[1].CPUS = 5 // the round says nothing any more
	if x.evaluate(); math.Abs(x.PeerRatio-2.5) > 1e-9 {
		t.Errorf("%+v", x)
	}
}

// parsed are the elements of an image, by name, which must be well-formed.
func parsed(t *testing.T, r Report) map[string][]map[string]string {
	t.Helper()
	var b bytes.Buffer
	must(t, r.Chart(&b))
	all := map[string][]map[string]string{}
	for in := xml.NewDecoder(&b); ; {
		token, err := in.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		must(t, err)
		if e, ok := token.(xml.StartElement); ok {
			attrs := map[string]string{}
			for _, a := range e.Attr {
				attrs[a.Name.Local] = a.Value
			}
			all[e.Name.Local] = append(all[e.Name.Local], attrs)
		}
	}
}

func TestTheChartHasABarForEachEngineByALogarithmicScale(t *testing.T) {
	all := parsed(t, shown())
	if len(all["svg"]) != 1 || all["svg"][0]["xmlns"] != "http://www.w3.org/2000/svg" {
		t.Fatalf("%v", all["svg"])
	}
	var widths []string
	for _, e := range all["rect"] {
		if e["height"] == strconv.Itoa(barHeight) {
			widths = append(widths, e["fill"]+" "+e["width"])
		}
	}
	// From ten thousand to ten million, three decades have 740 pixels.
	want := fmt.Sprintf("[%s 740 %s 469.4 %s 320.9 %s 172.4]", ourColor, peerColor, ourColor, peerColor)
	if fmt.Sprint(widths) != want {
		t.Errorf("%v, want %s", widths, want)
	}
	for name, elements := range all {
		for _, e := range elements {
			inside(t, name, e, all["svg"][0])
		}
	}
}

// inside checks that an element is within the image.
func inside(t *testing.T, name string, e, svg map[string]string) {
	t.Helper()
	for attribute, of := range map[string]string{
		"x": "width", "x1": "width", "x2": "width", "y": "height", "y2": "height",
	} {
		if e[attribute] == "" {
			continue
		}
		at, err := strconv.ParseFloat(e[attribute], 64)
		must(t, err)
		end, err := strconv.ParseFloat(svg[of], 64)
		must(t, err)
		if at < 0 || at > end {
			t.Errorf("%s %v is outside", name, e)
		}
	}
}

func TestAChartOfNothingIsWellFormed(t *testing.T) {
	for _, r := range []Report{{}, {Rows: []Row{{Query: "<&>"}}}, {Rows: []Row{{Query: "q0", Speed: Speed{1, 1000}}}}} {
		if all := parsed(t, r); len(all["svg"]) != 1 {
			t.Errorf("%v", all)
		}
	}
}
