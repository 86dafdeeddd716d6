package plan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/operator"
)

// described is what a plan has in it: chains, each with its parallelism, nodes, and what they take rows of.
func described(p *Physical) string {
	var all []string
	for _, c := range p.Chains {
		s := fmt.Sprintf("%d×", c.Parallelism)
		for _, n := range c.Nodes {
			s += " " + n.UID
			for _, e := range n.Inputs {
				s += fmt.Sprintf("<%s:%v", e.From.UID, e.Exchange)
			}
		}
		all = append(all, s)
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}

// pipelines is a graph of two pipelines, whose nodes come in turn, and one that ends at once.
func pipelines() *Graph {
	g := &Graph{Name: "job"}
	node := func(uid string, from ...*Node) *Node {
		n := &Node{UID: uid, Name: uid, Outputs: []operator.RowType{operator.RowTypeOf[int64]()}}
		for _, f := range from {
			n.Inputs = append(n.Inputs, forward(f))
		}
		if len(from) == 0 {
			n.Source = &Source{}
		}
		return g.Add(n)
	}
	a, b := node("a"), node("b")
	c := node("c")
	united := node("a+c", a, c)
	node("out b", b).Sink = &Sink{}
	node("out a", united).Sink = &Sink{}
	d := node("d")
	node("out d", d).Sink = &Sink{}
	return g
}

func TestPartsBetweenWhichNoRowsGoAreRegions(t *testing.T) {
	p := compiled(t, pipelines())
	var got []string
	for _, r := range p.Regions() {
		got = append(got, described(r))
		for i, n := range r.Nodes() {
			if n.ID != i || !slices.Contains(r.ByNode[i].Nodes, n) {
				t.Errorf("node %q has the number %d at %d, in %s", n.UID, n.ID, i, r.ByNode[i].Name())
			}
			for _, e := range n.Inputs {
				if r.Nodes()[e.From.ID] != e.From {
					t.Errorf("%q takes rows of a node of another plan", n.UID)
				}
			}
		}
	}
	var all []string
	for _, r := range got {
		all = append(all, strings.Split(r, "; ")...)
	}
	slices.Sort(all)
	if whole := strings.Join(all, "; "); len(got) != 3 || whole != described(p) {
		t.Errorf("%q\nof %q", got, described(p))
	}
	if !strings.Contains(got[0], " a") || !strings.Contains(got[0], " c") || !strings.Contains(got[1], " b") {
		t.Errorf("%q are not in the order of their first nodes", got)
	}
}

func TestAJobInOnePieceIsItsOnlyRegion(t *testing.T) {
	g := &Graph{Name: "job"}
	in := g.Add(&Node{UID: "in", Source: &Source{}})
	g.Add(&Node{UID: "out", Sink: &Sink{}, Inputs: []Edge{forward(in)}})
	p := compiled(t, g)
	if r := p.Regions(); len(r) != 1 || r[0] != p {
		t.Errorf("%v", r)
	}
}

// Two nodes are in a region if and only if there is a way from one to the other along edges in either direction.
func TestRegionsAreTheConnectedComponents(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for i := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed+i, 0))
		p := &Physical{graph: &Graph{}}
		for id := range 1 + rng.IntN(12) {
			n := p.graph.Add(&Node{UID: fmt.Sprint(id)})
			for from := range p.graph.Nodes[:id] {
				if rng.IntN(8) == 0 {
					n.Inputs = append(n.Inputs, Edge{From: p.graph.Nodes[from]})
				}
			}
		}
		of := p.components()
		reach := reachable(p.graph)
		for a := range of {
			for b := range of {
				if (of[a] == of[b]) != reach[a][b] {
					t.Fatalf("seed %d: nodes %d and %d: %v", seed+i, a, b, of)
				}
			}
		}
	}
}

// reachable is Warshall's transitive closure, of edges in both directions.
func reachable(g *Graph) [][]bool {
	r := make([][]bool, len(g.Nodes))
	for i := range r {
		r[i] = make([]bool, len(g.Nodes))
		r[i][i] = true
	}
	for i, n := range g.Nodes {
		for _, e := range n.Inputs {
			r[i][e.From.ID], r[e.From.ID][i] = true, true
		}
	}
	for k := range r {
		for i := range r {
			for j := range r {
				r[i][j] = r[i][j] || r[i][k] && r[k][j]
			}
		}
	}
	return r
}
