package plan

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/operator"
)

// Graph is a logical graph in the making. It is built by one goroutine.
type Graph struct {
	// Name identifies the job.
	Name string
	// Nodes are the operators, each behind those that it takes rows from.
	Nodes []*Node
	// Mistakes are those found while the graph was built.
	Mistakes []error
}

// NoSubtasks is the parallelism of a node for which 0 was asked: a mistake, to be told as such.
const NoSubtasks = math.MinInt

// Node is a logical operator.
type Node struct {
	// ID is its place in Graph.Nodes.
	ID int
	// UID identifies it in checkpoints, Name is for people.
	UID, Name string
	// Parallelism is the number of its subtasks; 0 means the job's, and NoSubtasks that 0 was asked for.
	Parallelism int
	// Inputs are the streams it takes rows from: several of one side make a union.
	Inputs []Edge
	// Outputs are the types of the rows it emits: the main stream, then side streams.
	Outputs []operator.RowType
	// Sides are what side outputs were asked for, in their order; they mean something to whoever builds the graph.
	Sides []any
	// Make builds the operator of one subtask; out are the receivers of Outputs.
	Make func(env *operator.Env, out []any) (operator.Operator, error)
	// InFlight is how many rows a subtask may have in flight, 0 for as many as suit it; Relaxed that rows need not wait
	// for the watermarks before them, FirstAccess that they wait for their key only when they access state. All are for
	// operators with keyed state.
	InFlight    int
	Relaxed     bool
	FirstAccess bool
	// Flies is set for operators that leave rows in flight to any checkpoint: each begins a task, and its rows must be such
	// as can be written.
	Flies bool
	// Keyed is set for operators with state of keys, or with broadcast state.
	Keyed *operator.Planned
	// Source and Sink are set for operators that begin or end streams.
	Source *Source
	Sink   *Sink
}

// InTables says that the operator has state of keys, which is kept in tables, and for which rows may wait.
func (n *Node) InTables() bool { return n.Keyed != nil && !n.Keyed.Unkeyed }

// Source is the part of a source that does not depend on its rows.
type Source struct {
	// Discover is flow.Source.Discover.
	Discover func(ctx context.Context, known flow.Known) (flow.Discovery, error)
	// NotReplayable says why the source cannot go back, or is empty.
	NotReplayable string
}

// Sink is the part of a sink that does not depend on its rows.
type Sink struct {
	// Recover and Commit are those of flow.Sink.
	Recover func(ctx context.Context, committables [][]byte) error
	Commit  func(ctx context.Context, committables [][]byte) error
	// Place is what no other sink may write to, or empty.
	Place string
}

// Edge is a stream between two operators.
type Edge struct {
	From *Node
	// Port is the output of From.
	Port     int
	Exchange operator.Exchange
	// Side is the one of a two-sided operator that takes the rows.
	Side operator.Side
	// Hasher fills in the hashes of keys, for operator.Hash: a func(*flow.Batch[T]).
	Hasher any
}

// Output names the output that the edge begins at, as checkpoints do.
func (e Edge) Output() string { return fmt.Sprintf("%s/%d", e.From.UID, e.Port) }

// Rows is the type of the edge's rows.
func (e Edge) Rows() operator.RowType { return e.From.Outputs[e.Port] }

// SideUsedTwice is the mistake of giving one side output to two operators.
func SideUsedTwice(name string) error {
	return fmt.Errorf("side output %q is given to two operators: make one for each", name)
}

// Add puts a node into the graph and gives it its number.
func (g *Graph) Add(n *Node) *Node {
	n.ID = len(g.Nodes)
	g.Nodes = append(g.Nodes, n)
	return n
}

// clone returns a graph of copies of the nodes.
func (g *Graph) clone() *Graph {
	c := &Graph{Name: g.Name}
	for _, n := range g.Nodes {
		node := *n
		node.Inputs = slices.Clone(n.Inputs)
		for i := range node.Inputs {
			e := &node.Inputs[i]
			e.From = c.Nodes[e.From.ID]
		}
		c.Nodes = append(c.Nodes, &node)
	}
	return c
}

// Mistake notes what is wrong with the program, to be reported with all other mistakes.
func (g *Graph) Mistake(err error) { g.Mistakes = append(g.Mistakes, err) }
