package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/operator"
)

var twoOf = Options{Parallelism: 2, MaxParallelism: 8}

// add puts a node into the graph: a source if it has no inputs. Its uid is its name.
func add(g *Graph, name string, inputs ...Edge) *Node {
	n := &Node{UID: name, Name: name, Inputs: inputs}
	if len(inputs) == 0 {
		n.Source = &Source{}
	}
	return g.Add(n)
}

func end(g *Graph, name string, inputs ...Edge) *Node {
	n := add(g, name, inputs...)
	n.Sink = &Sink{}
	return n
}

func forward(n *Node) Edge        { return Edge{From: n} }
func side(n *Node, port int) Edge { return Edge{From: n, Port: port} }
func stateful(n *Node) Edge       { return Edge{From: n, Exchange: operator.Hash} }
func (n *Node) by(subtasks int) *Node {
	n.Parallelism = subtasks
	return n
}

func compile(t *testing.T, g *Graph, o Options) *Physical {
	t.Helper()
	p, err := Compile(g, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// show renders the chains with their parallelism, then the exchanges between them.
func show(p *Physical) string {
	var out []string
	for _, c := range p.Chains {
		var names []string
		for _, n := range c.Nodes {
			names = append(names, n.Name)
		}
		out = append(out, fmt.Sprintf("%d[%s]", c.Parallelism, strings.Join(names, " ")))
	}
	kinds := map[operator.Exchange]string{operator.Forward: "=", operator.Rebalance: "~", operator.Hash: "#"}
	for _, c := range p.Chains {
		for _, e := range c.Head().Inputs {
			out = append(out, e.From.Name+kinds[e.Exchange]+c.Head().Name)
		}
	}
	return strings.Join(out, " ")
}

// chainings are small programs and what they are cut into.
var chainings = []struct {
	name  string
	build func(g *Graph)
	want  string
}{
	{"a line is one task", func(g *Graph) {
		end(g, "to", forward(add(g, "map", forward(add(g, "from")))))
	}, "2[from map to]"},
	{"a key-by begins a task", func(g *Graph) {
		end(g, "to", forward(add(g, "sum", stateful(add(g, "from")))))
	}, "2[from] 2[sum to] from#sum"},
	{"a key-by begins a task also where there is one subtask", func(g *Graph) {
		end(g, "to", forward(add(g, "sum", stateful(add(g, "from").by(1))).by(1))).by(1)
	}, "1[from] 1[sum to] from#sum"},
	{"a change of parallelism begins a task", func(g *Graph) {
		end(g, "to", forward(add(g, "map", forward(add(g, "from"))).by(3))).by(3)
	}, "2[from] 3[map to] from~map"},
	{"saying the job's parallelism changes nothing", func(g *Graph) {
		end(g, "to", forward(add(g, "map", forward(add(g, "from"))).by(2)))
	}, "2[from map to]"},
	{"a union begins a task", func(g *Graph) {
		end(g, "to", forward(add(g, "map", forward(add(g, "a")), forward(add(g, "b")))))
	}, "2[a] 2[b] 2[map to] a=map b=map"},
	{"a union rebalances only what has another parallelism", func(g *Graph) {
		end(g, "to", forward(add(g, "a")), forward(add(g, "b").by(5)))
	}, "2[a] 5[b] 2[to] a=to b~to"},
	{"what leaves rows in flight begins a task", func(g *Graph) {
		from := add(g, "from")
		from.Outputs = []operator.RowType{operator.RowTypeOf[int]()}
		ask := add(g, "ask", forward(from))
		ask.Flies = true
		end(g, "to", forward(ask))
	}, "2[from] 2[ask to] from=ask"},
	{"a fan-out stays in the task", func(g *Graph) {
		from := add(g, "from")
		end(g, "x", forward(from))
		end(g, "y", forward(from))
	}, "2[from x y]"},
	{"a side output stays in the task", func(g *Graph) {
		from := add(g, "from")
		end(g, "to", forward(from))
		end(g, "late", side(from, 1))
	}, "2[from to late]"},
	{"a fan-out that comes together again is a union", func(g *Graph) {
		from := add(g, "from")
		l, r := add(g, "l", forward(from)), add(g, "r", forward(from))
		end(g, "to", forward(l), forward(r))
	}, "2[from l r] 2[to] l=to r=to"},
}

func TestOperatorsShareATaskWhereRowsCanSimplyGoOn(t *testing.T) {
	for _, c := range chainings {
		t.Run(c.name, func(t *testing.T) {
			g := &Graph{}
			c.build(g)
			if got := show(compile(t, g, twoOf)); got != c.want {
				t.Errorf("plan %q, want %q", got, c.want)
			}
		})
	}
}

func TestAChainIsCalledByTheNamesOfItsOperators(t *testing.T) {
	g := &Graph{Name: "job"}
	end(g, "to", forward(add(g, "map", forward(add(g, "from")))))
	p := compile(t, g, twoOf)
	if got, want := p.Chains[0].Name(), "from → map → to"; got != want {
		t.Errorf("name %q, want %q", got, want)
	}
	if p.Name != "job" || p.MaxParallelism != 8 {
		t.Errorf("plan of %q with max parallelism %d", p.Name, p.MaxParallelism)
	}
}

func TestConsumersOfAnOutputAreThoseOfItsPort(t *testing.T) {
	g := &Graph{}
	from := add(g, "from")
	end(g, "sum", stateful(from))
	end(g, "both", forward(from), side(from, 1))
	end(g, "twice", forward(from), forward(from))
	p := compile(t, g, twoOf)
	for port, want := range []string{"sum/0 both/0 twice/0 twice/1", "both/1", ""} {
		nodes, inputs := p.Consumers(p.Nodes()[from.ID], port)
		var got []string
		for i, n := range nodes {
			got = append(got, fmt.Sprintf("%s/%d", n.Name, inputs[i]))
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("port %d goes to %q, want %q", port, s, want)
		}
	}
}

func TestAProgramCanBePlannedAgain(t *testing.T) {
	g := &Graph{}
	end(g, "to", forward(add(g, "sum", stateful(add(g, "from").by(3)))))
	if a, b := show(compile(t, g, twoOf)), show(compile(t, g, twoOf)); a != b {
		t.Errorf("planned as %q, then as %q", a, b)
	}
	add(g, "map", forward(g.Nodes[0]))
	end(g, "also", forward(g.Nodes[3]))
	for _, c := range []struct {
		parallelism int
		want        string
	}{
		{2, "3[from] 2[sum to] 2[map also] from#sum from~map"},
		{3, "3[from map also] 3[sum to] from#sum"},
	} {
		if got := show(compile(t, g, Options{Parallelism: c.parallelism, MaxParallelism: 8})); got != c.want {
			t.Errorf("at %d: plan %q, want %q", c.parallelism, got, c.want)
		}
	}
}

func TestAPlanStaysAsItIsWhenTheProgramGrows(t *testing.T) {
	g := &Graph{}
	end(g, "to", forward(add(g, "from")))
	p := compile(t, g, twoOf)
	end(g, "also", forward(g.Nodes[0]))
	nodes, _ := p.Consumers(p.Nodes()[0], 0)
	if len(p.Nodes()) != 2 || len(nodes) != 1 {
		t.Errorf("the plan has %d nodes, and %d take rows from the source", len(p.Nodes()), len(nodes))
	}
}

func TestUIDsAreThoseOfTheProgram(t *testing.T) {
	g := &Graph{}
	sum := add(g, "sum", stateful(add(g, "from")))
	sum.UID = "totals"
	end(g, "to", forward(sum))
	for _, parallelism := range []int{1, 2, 8} {
		var uids []string
		for i, n := range compile(t, g, Options{Parallelism: parallelism, MaxParallelism: 8}).Nodes() {
			uids = append(uids, n.UID)
			if n.ID != i {
				t.Errorf("node %q has number %d at place %d", n.Name, n.ID, i)
			}
		}
		if !slices.Equal(uids, []string{"from", "totals", "to"}) {
			t.Errorf("at %d: uids %q", parallelism, uids)
		}
	}
}

// line returns a program without mistakes, after a change to it.
func line(change func(g *Graph)) func() *Graph {
	return func() *Graph {
		g := &Graph{}
		end(g, "to", forward(add(g, "map", forward(add(g, "from")))))
		change(g)
		return g
	}
}

func same(*Graph) {}

// unwritable is why functions cannot be written.
func unwritable() string {
	_, err := operator.RowTypeOf[func()]().Codec()
	return fmt.Sprint(err)
}

// mistakes are programs and options that cannot run, and why.
var mistakes = []struct {
	name    string
	graph   func() *Graph
	options Options
	want    string
}{
	{"no source", func() *Graph { return &Graph{} }, twoOf, "it has no source: begin with From"},
	{"no sink", line(func(g *Graph) { add(g, "map-3", forward(g.Nodes[1])) }), twoOf,
		`the rows of "map-3" go nowhere: end the stream with To`},
	{"a uid twice", line(func(g *Graph) { g.Nodes[2].UID = "from" }), twoOf,
		`operators "from" and "to" have the same uid "from": name one of them differently`},
	{"an operator of no subtasks", line(func(g *Graph) { g.Nodes[1].by(-1) }), twoOf,
		`operator "map": parallelism -1 is not between 1 and the max parallelism, 8`},
	{"an operator of too many subtasks", line(func(g *Graph) { g.Nodes[1].by(9) }), twoOf,
		`operator "map": parallelism 9 is not between 1 and the max parallelism, 8`},
	{"a job of no subtasks", line(same), Options{Parallelism: 0, MaxParallelism: 8},
		"parallelism 0 is not between 1 and the max parallelism, 8"},
	{"a job of too many subtasks", line(same), Options{Parallelism: 9, MaxParallelism: 8},
		"parallelism 9 is not between 1 and the max parallelism, 8"},
	{"more key groups than are possible", line(same), Options{Parallelism: 1, MaxParallelism: 32769},
		"max parallelism 32769 is not between 1 and 32768"},
	{"a source that cannot go back", line(func(g *Graph) {
		g.Nodes[0].Source.NotReplayable = "it is a pipe"
	}), twoOf, `source "from" cannot be read again after a failure (it is a pipe): ` +
		`say that the job accepts loss (--accept-loss)`},
	{"rows of another job", line(func(g *Graph) { end(g, "also", forward(add(&Graph{}, "there"))) }), twoOf,
		`operator "also" takes rows of another job`},
	{"a side output given twice", line(func(g *Graph) { g.Mistake(SideUsedTwice("late")) }), twoOf,
		`side output "late" is given to two operators: make one for each`},
	{"sinks of one place", line(func(g *Graph) {
		for _, name := range []string{"also", "else", "nowhere"} {
			end(g, name, forward(g.Nodes[0])).Sink.Place = map[string]string{"also": "/out", "else": "/out"}[name]
		}
	}), twoOf, `sinks "also" and "else" both write to /out, where they would remove each other's output: give each a ` +
		`place of its own, such as a sub-directory, or one sink the rows of both`},
	{"rows in flight without keyed state", line(func(g *Graph) { g.Nodes[1].InFlight = 1 }), twoOf,
		`operator "map" has no keyed state, so no row of it is ever in flight: leave out InFlight`},
	{"rows in flight with broadcast state alone", line(func(g *Graph) {
		g.Nodes[1].InFlight, g.Nodes[1].Keyed = 1, declaring(nil)
		g.Nodes[1].Keyed.Unkeyed = true
	}), twoOf, `operator "map" has no keyed state, so no row of it is ever in flight: leave out InFlight`},
	{"relaxed without keyed state", line(func(g *Graph) { g.Nodes[1].Relaxed = true }), twoOf,
		`operator "map" has no keyed state, so no watermark of it ever waits: leave out RelaxedWatermarks`},
	{"rows in flight of an outside service", line(func(g *Graph) {
		g.Nodes[0].Outputs = []operator.RowType{operator.RowTypeOf[int]()}
		g.Nodes[1].InFlight, g.Nodes[1].Flies = 1, true
	}), twoOf, `operator "map": its rows in flight are bounded by AsyncCapacity: leave out InFlight`},
	{"rows that cannot be written in flight", line(func(g *Graph) {
		g.Nodes[0].Outputs = []operator.RowType{operator.RowTypeOf[func()]()}
		g.Nodes[1].Flies = true
	}), twoOf, `operator "map": checkpoints cannot have the rows whose calls have not ended: ` + unwritable()},
	{"less than no rows in flight", line(func(g *Graph) {
		g.Nodes[1].InFlight, g.Nodes[1].Keyed = -1, declaring(nil)
	}), twoOf, `operator "map": -1 rows in flight are asked for: it must be 1 or more, or 0 for as many as suit it`},
	{"state that cannot be", line(func(g *Graph) {
		g.Nodes[1].Keyed = declaring(errors.New(`operator "map": it makes no sense`))
	}), twoOf, `operator "map": it makes no sense`},
}

// declaring is of an operator whose state cannot be declared, if there is an error.
func declaring(err error) *operator.Planned {
	return &operator.Planned{Describe: func() (string, []checkpoint.State, error) { return "", nil, err }}
}

func TestEachMistakeIsExplained(t *testing.T) {
	for _, c := range mistakes {
		t.Run(c.name, func(t *testing.T) {
			p, err := Compile(c.graph(), c.options)
			if err == nil || err.Error() != "the job cannot run:\n"+c.want {
				t.Errorf("error %v, want %s", err, c.want)
			}
			if p != nil || base.KindOf(err) != base.Config {
				t.Errorf("plan %v, kind %v", p, base.KindOf(err))
			}
		})
	}
}

func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	g := &Graph{}
	_, err := operator.NewHasher(func(*int) float64 { return 0 })
	g.Mistake(err)
	from := add(g, "from").by(-1)
	from.Source.NotReplayable = "it is a pipe"
	add(g, "map", forward(from))
	add(g, "other", stateful(from)).UID = "map"
	_, err = Compile(g, Options{Parallelism: 7, MaxParallelism: 0})
	if err == nil {
		t.Fatal("no mistake was found")
	}
	lines := strings.Split(err.Error(), "\n")
	for i, want := range []string{
		"the job cannot run:", "float64", "max parallelism 0", "parallelism 7", `operator "from": parallelism -1`,
		"it is a pipe", `the same uid "map"`, `rows of "map" go nowhere`, `rows of "other" go nowhere`,
	} {
		if i >= len(lines) || !strings.Contains(lines[i], want) {
			t.Fatalf("line %d does not speak of %q:\n%v", i, want, err)
		}
	}
}

func TestAJobMayAcceptLoss(t *testing.T) {
	g := &Graph{}
	from := add(g, "from")
	from.Source.NotReplayable = "it is a pipe"
	end(g, "to", forward(from))
	compile(t, g, Options{Parallelism: 1, MaxParallelism: 1, AcceptLoss: true})
}

func TestAnOperatorForWhichNoSubtasksWereAskedIsNotTakenForOneThatDidNotAsk(t *testing.T) {
	g := &Graph{}
	end(g, "to", forward(add(g, "map", forward(add(g, "from"))).by(NoSubtasks)))
	_, err := Compile(g, twoOf)
	want := "the job cannot run:\noperator \"map\": parallelism 0 is not between 1 and the max parallelism, 8"
	if err == nil || err.Error() != want || base.KindOf(err) != base.Config {
		t.Errorf("%v", err)
	}
}
