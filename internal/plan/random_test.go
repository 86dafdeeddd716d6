package plan

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/operator"
)

// drawGraph returns a graph that can run: any operator may be a source, a union, keyed, or have a parallelism
// of its own.
func drawGraph(rng *rand.Rand) *Graph {
	g := &Graph{}
	used := map[*Node]bool{}
	for i := range 1 + rng.IntN(12) {
		var inputs []Edge
		if i > 0 && rng.IntN(5) > 0 {
			for range 1 + rng.IntN(3)/2 {
				e := Edge{From: g.Nodes[rng.IntN(i)], Port: rng.IntN(2)}
				if rng.IntN(3) == 0 {
					e.Exchange = operator.Hash
				}
				used[e.From] = true
				inputs = append(inputs, e)
			}
		}
		n := add(g, fmt.Sprint("n", i), inputs...)
		if rng.IntN(3) == 0 {
			n.Parallelism = 1 + rng.IntN(4)
		}
	}
	for _, n := range g.Nodes {
		if !used[n] {
			end(g, n.Name+"-end", forward(n))
		}
	}
	return g
}

// violation returns what of the promises of a plan does not hold for this one of the graph, or nil.
func violation(g *Graph, p *Physical, o Options) error {
	if len(p.Nodes()) != len(g.Nodes) || len(p.ByNode) != len(g.Nodes) {
		return fmt.Errorf("%d nodes, %d of them in chains, want %d", len(p.Nodes()), len(p.ByNode), len(g.Nodes))
	}
	times := map[int]int{} // by node
	for i, c := range p.Chains {
		if c.ID != i {
			return fmt.Errorf("chain %d has number %d", i, c.ID)
		}
		for _, n := range c.Nodes {
			times[n.ID]++
			if p.ByNode[n.ID] != c || c.Parallelism != n.Parallelism {
				return fmt.Errorf("%s of parallelism %d is not of chain %d", n.Name, n.Parallelism, i)
			}
		}
	}
	for i, n := range p.Nodes() {
		want := g.Nodes[i]
		if times[i] != 1 || n.UID != want.UID || len(n.Inputs) != len(want.Inputs) {
			return fmt.Errorf("%s is in %d chains, as %s with %d inputs", want.UID, times[i], n.UID, len(n.Inputs))
		}
		if n.Parallelism != want.Parallelism && (want.Parallelism != 0 || n.Parallelism != o.Parallelism) {
			return fmt.Errorf("%s has parallelism %d, want %d", n.Name, n.Parallelism, want.Parallelism)
		}
		for k, e := range n.Inputs {
			if err := misled(p, n, e, want.Inputs[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

// misled says why rows do not come to n by the edge as the program wants it, or returns nil.
func misled(p *Physical, n *Node, e, want Edge) error {
	from, to := p.ByNode[e.From.ID], p.ByNode[n.ID]
	switch {
	case e.From != p.Nodes()[want.From.ID] || e.Port != want.Port:
		return fmt.Errorf("%s takes rows of %s, not of %s", n.Name, e.From.Name, want.From.Name)
	case e.Exchange != want.Exchange && (want.Exchange != operator.Forward || e.Exchange != operator.Rebalance):
		return fmt.Errorf("the exchange %d to %s became %d", want.Exchange, n.Name, e.Exchange)
	case e.Exchange == operator.Forward && from.Parallelism != to.Parallelism:
		return fmt.Errorf("%d subtasks forward to %d of %s", from.Parallelism, to.Parallelism, n.Name)
	case e.Exchange == operator.Rebalance && from.Parallelism == to.Parallelism:
		return fmt.Errorf("rows to %s are dealt out without need", n.Name)
	case to.Head() == n:
		if from.ID >= to.ID {
			return fmt.Errorf("chain %d takes rows of %d, which is not before it", to.ID, from.ID)
		}
		if len(n.Inputs) == 1 && e.Exchange == operator.Forward {
			return fmt.Errorf("%s could go on in the task of %s", n.Name, e.From.Name)
		}
	case from != to || e.Exchange != operator.Forward || len(n.Inputs) != 1:
		return fmt.Errorf("%s is in a chain, but its rows come from outside", n.Name)
	}
	return nil
}

func TestRandomGraphsAreCutIntoChainsAndExchanges(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		g := drawGraph(rng)
		o := Options{Parallelism: 1 + rng.IntN(4), MaxParallelism: 4}
		p := compile(t, g, o)
		if err := violation(g, p, o); err != nil {
			t.Fatalf("%v\nplan %s", err, show(p))
		}
	}
}

func TestTheCheckOfPlansFindsPlantedBugs(t *testing.T) {
	g := &Graph{}
	sum := add(g, "sum", stateful(add(g, "map", forward(add(g, "from")))))
	end(g, "to", forward(sum))
	type nodes = []*Node
	for name, plant := range map[string]func(chains []*Chain, of nodes){
		"an operator is left out":     func(c []*Chain, of nodes) { c[0].Nodes = of[:1] },
		"an operator runs twice":      func(c []*Chain, of nodes) { c[1].Nodes = nodes{of[2], of[3], of[3]} },
		"a uid changes":               func(_ []*Chain, of nodes) { of[1].UID = "map-1" },
		"a hash is lost":              func(_ []*Chain, of nodes) { of[2].Inputs[0].Exchange = operator.Forward },
		"rows come from elsewhere":    func(_ []*Chain, of nodes) { of[3].Inputs[0].From = of[0] },
		"rows come from another port": func(_ []*Chain, of nodes) { of[1].Inputs[0].Port = 1 },
		"subtasks are lost":           func(c []*Chain, _ nodes) { c[1].Parallelism = 1 },
		"rows go around needlessly":   func(_ []*Chain, of nodes) { of[1].Inputs[0].Exchange = operator.Rebalance },
		"a keyed operator is no head": func(c []*Chain, of nodes) { c[1].Nodes = nodes{of[3], of[2]} },
		"a chain stands out of order": func(c []*Chain, _ nodes) { c[0], c[1] = c[1], c[0] },
	} {
		t.Run(name, func(t *testing.T) {
			p := compile(t, g, twoOf)
			if err := violation(g, p, twoOf); err != nil {
				t.Fatal(err)
			}
			plant(p.Chains, p.Nodes())
			if err := violation(g, p, twoOf); err == nil {
				t.Error("the check did not find it")
			}
		})
	}
}
