package nfa

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/pattern"
)

// memory is a buffer that notices when what is not there is asked for or removed.
type memory[T any] struct {
	rows  map[int64]Row[T]
	nodes map[int64]Node
}

func newMemory[T any]() *memory[T] { return &memory[T]{map[int64]Row[T]{}, map[int64]Node{}} }

func (m *memory[T]) Row(n int64) (Row[T], error) {
	r, ok := m.rows[n]
	if !ok {
		return r, fmt.Errorf("there is no row %d", n)
	}
	return r, nil
}

func (m *memory[T]) SetRow(n int64, r Row[T]) error { m.rows[n] = r; return nil }

func (m *memory[T]) RemoveRow(n int64) error {
	_, err := m.Row(n)
	delete(m.rows, n)
	return err
}

func (m *memory[T]) Node(n int64) (Node, error) {
	node, ok := m.nodes[n]
	if !ok {
		return node, fmt.Errorf("there is no node %d", n)
	}
	return node, nil
}

func (m *memory[T]) SetNode(n int64, node Node) error { m.nodes[n] = node; return nil }

func (m *memory[T]) RemoveNode(n int64) error {
	_, err := m.Node(n)
	delete(m.nodes, n)
	return err
}

// check holds the counts of the buffer against who refers to what.
func (m *memory[T]) check(t *testing.T, s *Runs) {
	t.Helper()
	nodes, rows := map[int64]int32{}, map[int64]int32{}
	for _, r := range s.Runs {
		nodes[r.Node]++
	}
	for _, f := range s.Found {
		nodes[f.Node]++
	}
	for _, n := range m.nodes {
		rows[n.Row]++
		if n.Prev != 0 {
			nodes[n.Prev]++
		}
	}
	for n, node := range m.nodes {
		if node.Refs != nodes[n] {
			t.Fatalf("node %d has %d references, not %d", n, nodes[n], node.Refs)
		}
	}
	for n, r := range m.rows {
		if r.Refs != rows[n] {
			t.Fatalf("row %d has %d references, not %d", n, rows[n], r.Refs)
		}
	}
	if len(nodes) != len(m.nodes) || len(rows) != len(m.rows) {
		t.Fatalf("%v and %v are referred to; there are %v and %v", nodes, rows,
			slices.Collect(maps.Keys(m.nodes)), slices.Collect(maps.Keys(m.rows)))
	}
}

// listed is an output that writes down what it gets.
type listed[T any] struct{ matches, timedOut []string }

func show[T any](m *pattern.Match[T], at int64) string {
	return fmt.Sprint(strings.Trim(fmt.Sprint(m.All()), "[]"), " @", at)
}

func (l *listed[T]) Match(m *pattern.Match[T], at int64) error {
	l.matches = append(l.matches, show(m, at))
	return nil
}

func (l *listed[T]) TimedOut(m *pattern.Match[T], at int64) error {
	l.timedOut = append(l.timedOut, show(m, at))
	return nil
}

// run lets a machine look at words, whose times are their places, but where one is given, as in "a1@5".
func run(t *testing.T, p pattern.Pattern[string], rows string) *listed[string] {
	t.Helper()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	m, s, b, out := Compile(p), &Runs{}, newMemory[string](), &listed[string]{}
	for i, word := range strings.Fields(rows) {
		at := int64(i)
		if name, time, ok := strings.Cut(word, "@"); ok {
			word = name
			fmt.Sscan(time, &at)
		}
		if err := m.Step(s, b, &word, at, out); err != nil {
			t.Fatal(err)
		}
		b.check(t, s)
	}
	if err := m.Advance(s, b, math.MaxInt64, out); err != nil {
		t.Fatal(err)
	}
	b.check(t, s)
	return out
}

// without leaves out at what times there were matches, and sorts them.
func without(all []string) []string {
	all = slices.Clone(all)
	for i, m := range all {
		all[i], _, _ = strings.Cut(m, " @")
	}
	slices.Sort(all)
	return all
}

// is the condition that a word begins so.
func is(letter string) func(*string) bool {
	return func(row *string) bool { return strings.HasPrefix(*row, letter) }
}

// story is a pattern, rows, and the matches in any order.
type story struct {
	name    string
	pattern pattern.Pattern[string]
	rows    string
	want    []string
}

func tell(t *testing.T, stories []story) {
	t.Helper()
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			got, want := without(run(t, s.pattern, s.rows).matches), slices.Clone(s.want)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%s in %q:\n%q, want\n%q", s.pattern, s.rows, got, want)
			}
		})
	}
}
