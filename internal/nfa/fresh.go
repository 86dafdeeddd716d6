package nfa

// fresh is a buffer with a row that has just come, and with the nodes made for it. They are kept apart until all runs
// have looked at the row: most rows are not taken, and many nodes are not needed for longer.
type fresh[T any] struct {
	Buffer[T]
	n     int64 // of the row
	row   Row[T]
	base  int64 // the number before that of the first node
	nodes []Node
}

func (f *fresh[T]) Row(n int64) (Row[T], error) {
	if n == f.n {
		return f.row, nil
	}
	return f.Buffer.Row(n)
}

func (f *fresh[T]) SetRow(n int64, r Row[T]) error {
	if n == f.n {
		f.row = r
		return nil
	}
	return f.Buffer.SetRow(n, r)
}

func (f *fresh[T]) RemoveRow(n int64) error {
	if n == f.n {
		f.row.Refs = 0
		return nil
	}
	return f.Buffer.RemoveRow(n)
}

func (f *fresh[T]) Node(n int64) (Node, error) {
	if n > f.base {
		return f.nodes[n-f.base-1], nil
	}
	return f.Buffer.Node(n)
}

// SetNode takes new nodes in the order of their numbers.
func (f *fresh[T]) SetNode(n int64, node Node) error {
	switch i := n - f.base - 1; {
	case i < 0:
		return f.Buffer.SetNode(n, node)
	case i == int64(len(f.nodes)):
		f.nodes = append(f.nodes, node)
	default:
		f.nodes[i] = node
	}
	return nil
}

func (f *fresh[T]) RemoveNode(n int64) error {
	if n > f.base {
		f.nodes[n-f.base-1].Refs = 0
		return nil
	}
	return f.Buffer.RemoveNode(n)
}

// keep puts what is still needed into the buffer behind.
func (f *fresh[T]) keep() error {
	if f.row.Refs == 0 {
		return nil
	}
	if err := f.Buffer.SetRow(f.n, f.row); err != nil {
		return err
	}
	for i, node := range f.nodes {
		if node.Refs > 0 {
			if err := f.Buffer.SetNode(f.base+1+int64(i), node); err != nil {
				return err
			}
		}
	}
	return nil
}
