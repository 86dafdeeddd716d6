package aquifer

import (
	"fmt"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
)

// Job is a program in the making: sources, transformations and sinks are added to it, then it is run.
// It is built by one goroutine.
type Job struct {
	graph plan.Graph
}

// NewJob returns an empty job. The name identifies the job's state: a state directory belongs to one name.
func NewJob(name string) *Job {
	return &Job{graph: plan.Graph{Name: name}}
}

// Stream is a stream of rows of type T. It is a value that describes where rows come from; using it twice
// sends its rows both ways.
type Stream[T any] struct {
	job   *Job
	ports []port
}

// port is one output of an operator. A union has several.
type port struct {
	node  *plan.Node
	index int
}

// KeyedStream is a stream whose rows are grouped by a key of type K: rows of one key are processed by one
// subtask, in order.
type KeyedStream[K comparable, T any] struct {
	Stream[T]
	key    func(*T) K
	hasher func(*flow.Batch[T])
}

// edges returns the stream as the input of an operator.
func (s Stream[T]) edges(exchange operator.Exchange, hasher any) []plan.Edge {
	var edges []plan.Edge
	for _, p := range s.ports {
		edges = append(edges, plan.Edge{From: p.node, Port: p.index, Exchange: exchange, Hasher: hasher})
	}
	return edges
}

// addNode puts an operator behind the given edges. An empty name gets one from the kind of operator.
func (j *Job) addNode(kind, name string, inputs []plan.Edge, options []Option) *plan.Node {
	if name == "" {
		name = fmt.Sprintf("%s-%d", kind, len(j.graph.Nodes))
	}
	n := &plan.Node{Name: name, Inputs: inputs}
	for _, o := range options {
		o(n)
	}
	if n.UID == "" {
		n.UID = n.Name
	}
	if kind, ok := sideless[kind]; ok && len(n.Sides) > 0 {
		j.graph.Mistake(fmt.Errorf("operator %q is %s, which cannot emit to side outputs: leave out SideOutput", n.Name, kind))
	}
	return j.graph.Add(n)
}

func output[T any](j *Job, n *plan.Node, index int) Stream[T] {
	return Stream[T]{job: j, ports: []port{{n, index}}}
}

// Option changes an operator's settings.
type Option func(*plan.Node)

// Parallelism sets the number of an operator's subtasks, from 1 to the job's max parallelism; operators without it
// have the job's.
func Parallelism(subtasks int) Option {
	return func(n *plan.Node) {
		n.Parallelism = subtasks
		if subtasks == 0 {
			n.Parallelism = plan.NoSubtasks // 0 is "the job's" for the plan
		}
	}
}

// UID sets the identity of an operator in checkpoints, which is its name otherwise: so an operator can
// be renamed and still find its state.
func UID(uid string) Option { return func(n *plan.Node) { n.UID = uid } }

// Name names an operator for which no name was asked, as Map.
func Name(name string) Option { return func(n *plan.Node) { n.Name = name } }
