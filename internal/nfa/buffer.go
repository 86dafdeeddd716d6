package nfa

import (
	"fmt"

	"github.com/aquifer-stream/aquifer/pattern"
)

// Node says that a stage has taken a row, after those of the node before.
type Node struct {
	Row, Prev int64 // numbers; Prev is zero for the first
	Stage     int32
	Refs      int32 // by runs, by matches that wait and by nodes behind it
}

// Row is a row that has been taken.
type Row[T any] struct {
	Row  T
	Time int64
	Refs int32 // by nodes
}

// Buffer is where rows and nodes are kept, by their numbers. What is asked for is there.
type Buffer[T any] interface {
	Row(n int64) (Row[T], error)
	SetRow(n int64, r Row[T]) error
	RemoveRow(n int64) error
	Node(n int64) (Node, error)
	SetNode(n int64, node Node) error
	RemoveNode(n int64) error
}

// take adds a node, with one reference to it.
func take[T any](b Buffer[T], node int64, n Node) error {
	r, err := b.Row(n.Row)
	if err != nil {
		return err
	}
	r.Refs++
	if err := b.SetRow(n.Row, r); err != nil {
		return err
	}
	if n.Prev != 0 {
		if err := retain(b, n.Prev); err != nil {
			return err
		}
	}
	n.Refs = 1
	return b.SetNode(node, n)
}

// retain adds a reference to a node.
func retain[T any](b Buffer[T], node int64) error {
	n, err := b.Node(node)
	if err != nil {
		return err
	}
	n.Refs++
	return b.SetNode(node, n)
}

// release takes a reference to a node away, and frees what nothing refers to any more.
func release[T any](b Buffer[T], node int64) error {
	for node != 0 {
		n, err := b.Node(node)
		if err != nil {
			return err
		}
		if n.Refs--; n.Refs > 0 {
			return b.SetNode(node, n)
		}
		if err := b.RemoveNode(node); err != nil {
			return err
		}
		if err := releaseRow(b, n.Row); err != nil {
			return err
		}
		node = n.Prev
	}
	return nil
}

func releaseRow[T any](b Buffer[T], n int64) error {
	r, err := b.Row(n)
	if err != nil {
		return err
	}
	if r.Refs--; r.Refs > 0 {
		return b.SetRow(n, r)
	}
	return b.RemoveRow(n)
}

// match reads the rows up to a node; none for zero.
func (m *Machine[T]) match(b Buffer[T], node int64) (*pattern.Match[T], []int64, error) {
	var nodes []Node
	for node != 0 {
		n, err := b.Node(node)
		if err != nil {
			return nil, nil, err
		}
		nodes = append(nodes, n)
		node = n.Prev
	}
	count := len(nodes)
	stages, rows := make([]int32, count), make([]T, count)
	times, numbers := make([]int64, count), make([]int64, count)
	for i, n := range nodes {
		r, err := b.Row(n.Row)
		if err != nil {
			return nil, nil, fmt.Errorf("row %d of a partial match: %w", n.Row, err)
		}
		at := count - 1 - i
		stages[at], rows[at], times[at], numbers[at] = n.Stage, r.Row, r.Time, n.Row
	}
	return pattern.NewMatch(m.names, stages, rows, times), numbers, nil
}
