package metric

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestASampleIsNamedAsPrometheusDoes(t *testing.T) {
	for _, c := range []struct {
		s    Sample
		want string
	}{
		{Sample{Name: "a"}, `a`},
		{Sample{Name: "a", Labels: []Label{{"x", "1"}}}, `a{x="1"}`},
		{Sample{Name: "a", Labels: []Label{{"x", "1"}, {"y", "ü"}}}, `a{x="1",y="ü"}`},
		{Sample{Name: "a", Labels: []Label{{"x", "a\\b \"c\"\nd"}}}, `a{x="a\\b \"c\"\nd"}`},
	} {
		if got := c.s.String(); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

func TestSamplesAreAddedUpOverTheLabelsThatAreNotGiven(t *testing.T) {
	hot, cold := Label{"tier", Hot}, Label{"tier", Store}
	first, second := Label{"subtask", "0"}, Label{"subtask", "1"}
	samples := []Sample{
		{StateHits, []Label{first, hot}, 1}, {StateHits, []Label{first, cold}, 10},
		{StateHits, []Label{second, hot}, 100}, {StateMisses, []Label{first, hot}, 1000},
	}
	for _, c := range []struct {
		labels []Label
		want   float64
	}{
		{nil, 111}, {[]Label{hot}, 101}, {[]Label{first}, 11}, {[]Label{second, hot}, 100}, {[]Label{second, cold}, 0},
	} {
		if got := Sum(samples, StateHits, c.labels...); got != c.want {
			t.Errorf("%v: %g, want %g", c.labels, got, c.want)
		}
	}
}

func TestAHistogramIsCumulative(t *testing.T) {
	labels := []Label{{"operation", "read"}}
	got, err := json.Marshal(Map(Buckets("h", labels, []float64{0.001, 1}, []int64{3, 0, 2}, 7.5)))
	want := `{"h_bucket{operation=\"read\",le=\"+Inf\"}":5,"h_bucket{operation=\"read\",le=\"0.001\"}":3,` +
		`"h_bucket{operation=\"read\",le=\"1\"}":3,"h_count{operation=\"read\"}":5,"h_sum{operation=\"read\"}":7.5}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

// Two histograms with the same labels must not write into one another's.
func TestHistogramsDoNotShareWhatTheyAdd(t *testing.T) {
	labels := append(make([]Label, 0, 8), Label{"operation", "read"})
	a := Buckets("a", labels, []float64{1}, []int64{1, 1}, 0)
	Buckets("b", labels, []float64{2}, []int64{1, 1}, 0)
	if got := a[0].String(); got != `a_bucket{operation="read",le="1"}` {
		t.Error(got)
	}
}

func TestASampleIsKnownByItsNameAndLabels(t *testing.T) {
	operation, le := Label{"operation", "read"}, Label{"le", "1"}
	for _, c := range []struct {
		s    Sample
		want string
	}{
		{Sample{Name: Restarts}, Restarts},
		{Sample{Name: ObjectRequests, Labels: []Label{operation}}, ObjectRequests},
		{Sample{Name: ObjectTime + "_sum", Labels: []Label{operation}}, ObjectTime},
		{Sample{Name: ObjectTime + "_bucket", Labels: []Label{operation, le}}, ObjectTime},
		{Sample{Name: ObjectTime + "_bucket", Labels: []Label{operation}}, ""},
		{Sample{Name: ObjectTime, Labels: []Label{operation}}, ""},
		{Sample{Name: ObjectRequests}, ""},
		{Sample{Name: ObjectRequests, Labels: []Label{{"kind", "read"}}}, ""},
		{Sample{Name: Restarts, Labels: []Label{operation}}, ""},
		{Sample{Name: Restarts + "_sum"}, ""},
		{Sample{Name: "aquifer_nothing"}, ""},
	} {
		m, ok := Of(c.s)
		if ok != (c.want != "") || ok && m.Name != c.want {
			t.Errorf("%s is of %q, %v; want %q", c.s, m.Name, ok, c.want)
		}
	}
}

func TestNamesKeepTheManner(t *testing.T) {
	form := regexp.MustCompile(`^aquifer(_[a-z0-9]+)+$`)
	for i, m := range All {
		if !form.MatchString(m.Name) || strings.HasSuffix(m.Name, "_total") != (m.Type == Counter) {
			t.Errorf("%s is a %s", m.Name, m.Type)
		}
		if m.Type != Counter && m.Type != Gauge && m.Type != Histogram {
			t.Errorf("%s is a %q", m.Name, m.Type)
		}
		if !strings.HasSuffix(m.Help, ".") || strings.ContainsAny(m.Help, "\n|") {
			t.Errorf("%s: help %q is not a sentence", m.Name, m.Help)
		}
		if slices.ContainsFunc(All[:i], func(o Metric) bool { return o.Name == m.Name }) {
			t.Errorf("%s is there twice", m.Name)
		}
	}
}

// A constant that is not in All would have no help and not be documented.
func TestAllHasEveryName(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "names.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := 0
	ast.Inspect(f, func(n ast.Node) bool {
		l, ok := n.(*ast.BasicLit)
		if !ok || !strings.HasPrefix(l.Value, `"aquifer_`) {
			return true
		}
		name, err := strconv.Unquote(l.Value)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(All, func(m Metric) bool { return m.Name == name }) {
			t.Errorf("%s is not in All", name)
		}
		names++
		return true
	})
	if names != len(All) {
		t.Errorf("%d names, %d metrics", names, len(All))
	}
}

// row is a metric as docs/metrics.md lists it.
func row(m Metric) string {
	labels := strings.Join(m.Labels, ", ")
	return "| `" + m.Name + "` | " + string(m.Type) + " | " + labels + " | " + m.Help + " |\n"
}

func TestTheDocumentListsAllMetricsAndNoOthers(t *testing.T) {
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, m := range All {
		want.WriteString(row(m))
	}
	if !strings.Contains(string(text), want.String()) {
		t.Errorf("docs/metrics.md does not have these lines, one after the other:\n%s", want.String())
	}
	if got := strings.Count(string(text), "\n| `aquifer_"); got != len(All) {
		t.Errorf("docs/metrics.md has %d lines about metrics, there are %d", got, len(All))
	}
}
