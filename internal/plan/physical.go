package plan

import (
	"errors"
	"fmt"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/operator"
)

// Physical is a graph that can run.
type Physical struct {
	Name           string
	MaxParallelism int
	// Chains are the tasks, each behind those that it takes rows from.
	Chains []*Chain
	// ByNode is the chain of each node, by its ID.
	ByNode []*Chain
	graph  *Graph
}

// Chain is a group of operators that run in one task.
type Chain struct {
	ID          int
	Parallelism int
	// Nodes are its operators; the first is the head, the others take rows from one before them.
	Nodes []*Node
}

// Head is the operator that the chain's rows come to first.
func (c *Chain) Head() *Node { return c.Nodes[0] }

// Name joins the names of the operators.
func (c *Chain) Name() string {
	name := c.Nodes[0].Name
	for _, n := range c.Nodes[1:] {
		name += " → " + n.Name
	}
	return name
}

// Consumers returns the nodes that take rows from the output, each with the number of the input it takes them by.
// A node that takes them by two inputs comes twice.
func (p *Physical) Consumers(n *Node, port int) (nodes []*Node, inputs []int) {
	for _, to := range p.graph.Nodes {
		for i, e := range to.Inputs {
			if e.From == n && e.Port == port {
				nodes, inputs = append(nodes, to), append(inputs, i)
			}
		}
	}
	return nodes, inputs
}

// Tasks is the number of subtasks of all chains.
func (p *Physical) Tasks() (n int) {
	for _, c := range p.Chains {
		n += c.Parallelism
	}
	return n
}

// Nodes are the operators of the job.
func (p *Physical) Nodes() []*Node { return p.graph.Nodes }

// Options are the job-wide choices that shape a plan.
type Options struct {
	Parallelism    int
	MaxParallelism int
	// AcceptLoss allows sources that cannot be replayed.
	AcceptLoss bool
	// Overtake says that barriers may overtake rows, which must be such as can be written then.
	Overtake bool
}

// Compile checks the graph and forms chains of copies of its nodes: the same graph can be planned again, for
// another parallelism. The error holds every mistake found and is a base.Config one.
func Compile(g *Graph, o Options) (*Physical, error) {
	if err := check(g, o); err != nil {
		return nil, base.Errorf(base.Config, "the job cannot run:\n%w", err)
	}
	g = g.clone()
	p := &Physical{
		Name: g.Name, MaxParallelism: o.MaxParallelism, ByNode: make([]*Chain, len(g.Nodes)), graph: g,
	}
	for _, n := range g.Nodes {
		if n.Parallelism == 0 {
			n.Parallelism = o.Parallelism
		}
		for i := range n.Inputs {
			e := &n.Inputs[i]
			if e.Exchange == operator.Forward && e.From.Parallelism != n.Parallelism {
				e.Exchange = operator.Rebalance
			}
		}
		p.place(n)
	}
	return p, nil
}

// place puts the node into the chain of its only input, if rows can simply go on there.
func (p *Physical) place(n *Node) {
	if len(n.Inputs) == 1 && n.Inputs[0].Exchange == operator.Forward && !n.Flies {
		c := p.ByNode[n.Inputs[0].From.ID]
		c.Nodes = append(c.Nodes, n)
		p.ByNode[n.ID] = c
		return
	}
	c := &Chain{ID: len(p.Chains), Parallelism: n.Parallelism, Nodes: []*Node{n}}
	p.Chains = append(p.Chains, c)
	p.ByNode[n.ID] = c
}

// check returns all mistakes of the graph, joined.
func check(g *Graph, o Options) error {
	mistakes := append([]error(nil), g.Mistakes...)
	add := func(format string, args ...any) { mistakes = append(mistakes, fmt.Errorf(format, args...)) }
	if o.MaxParallelism < 1 || o.MaxParallelism > base.MaxMaxParallelism {
		add("max parallelism %d is not between 1 and %d", o.MaxParallelism, base.MaxMaxParallelism)
	}
	if o.Parallelism < 1 || o.Parallelism > o.MaxParallelism {
		add("parallelism %d is not between 1 and the max parallelism, %d", o.Parallelism, o.MaxParallelism)
	}
	if len(g.Nodes) == 0 {
		add("it has no source: begin with From")
	}
	uids := map[string]string{}
	used := map[*Node]bool{}
	for _, n := range g.Nodes {
		if other, ok := uids[n.UID]; ok {
			add("operators %q and %q have the same uid %q: name one of them differently", other, n.Name, n.UID)
		}
		uids[n.UID] = n.Name
		if n.Parallelism < 0 || n.Parallelism > o.MaxParallelism {
			asked := n.Parallelism
			if asked == NoSubtasks {
				asked = 0
			}
			add("operator %q: parallelism %d is not between 1 and the max parallelism, %d", n.Name, asked, o.MaxParallelism)
		}
		for _, e := range n.Inputs {
			used[e.From] = true
			if e.From.ID >= n.ID || g.Nodes[e.From.ID] != e.From {
				add("operator %q takes rows of another job", n.Name)
			}
		}
		if n.Source != nil && n.Source.NotReplayable != "" && !o.AcceptLoss {
			add("source %q cannot be read again after a failure (%s): say that the job accepts loss (--accept-loss)",
				n.Name, n.Source.NotReplayable)
		}
	}
	mistakes = append(mistakes, checkPlaces(g)...)
	mistakes = append(mistakes, checkFlight(g)...)
	mistakes = append(mistakes, checkState(g)...)
	mistakes = append(mistakes, checkRows(g, o.Overtake)...)
	for _, n := range g.Nodes {
		if n.Sink == nil && !used[n] {
			add("the rows of %q go nowhere: end the stream with To", n.Name)
		}
	}
	return errors.Join(mistakes...)
}

// checkPlaces returns the sinks that would take the output of another for leavings of their own.
func checkPlaces(g *Graph) (mistakes []error) {
	places := map[string]string{}
	for _, n := range g.Nodes {
		if n.Sink == nil || n.Sink.Place == "" {
			continue
		}
		if other, ok := places[n.Sink.Place]; ok {
			mistakes = append(mistakes, fmt.Errorf("sinks %q and %q both write to %s, where they would remove each other's "+
				"output: give each a place of its own, such as a sub-directory, or one sink the rows of both", other, n.Name,
				n.Sink.Place))
		}
		places[n.Sink.Place] = n.Name
	}
	return mistakes
}

// checkRows returns the operators whose rows cannot be written into a checkpoint, as far as they have to be.
func checkRows(g *Graph, overtake bool) (mistakes []error) {
	for _, n := range g.Nodes {
		if !overtake && !n.Flies {
			continue
		}
		for _, e := range n.Inputs {
			if _, err := e.Rows().Codec(); err != nil {
				mistakes = append(mistakes, fmt.Errorf("operator %q: %s: %w", n.Name, n.unwritable(), err))
				break
			}
		}
	}
	return mistakes
}

// checkState returns what functions have found wrong when they declared their state: it would fail each attempt.
func checkState(g *Graph) (mistakes []error) {
	if len(g.Mistakes) > 0 {
		return nil // a function that is wrong may declare anything
	}
	for _, n := range g.Nodes {
		if n.Keyed == nil {
			continue
		}
		if _, _, err := n.Keyed.Describe(); err != nil {
			mistakes = append(mistakes, err)
		}
	}
	return mistakes
}

// unwritable says what does not work with rows that cannot be written.
func (n *Node) unwritable() string {
	if n.Flies {
		return "checkpoints cannot have the rows whose calls have not ended"
	}
	return "barriers cannot overtake its rows"
}

// checkFlight returns the mistakes about rows in flight.
func checkFlight(g *Graph) (mistakes []error) {
	add := func(format string, args ...any) { mistakes = append(mistakes, fmt.Errorf(format, args...)) }
	for _, n := range g.Nodes {
		if n.InFlight < 0 {
			add("operator %q: %d rows in flight are asked for: it must be 1 or more, or 0 for as many as suit it",
				n.Name, n.InFlight)
		}
		if n.Flies && n.InFlight > 0 {
			add("operator %q: its rows in flight are bounded by AsyncCapacity: leave out InFlight", n.Name)
		} else if !n.InTables() && n.InFlight > 0 {
			add("operator %q has no keyed state, so no row of it is ever in flight: leave out InFlight", n.Name)
		}
		if !n.InTables() && n.Relaxed {
			add("operator %q has no keyed state, so no watermark of it ever waits: leave out RelaxedWatermarks", n.Name)
		}
		if !n.InTables() && n.FirstAccess {
			add("operator %q has no keyed state, so no row of it ever waits: leave out FirstAccessOrder", n.Name)
		}
	}
	return mistakes
}
