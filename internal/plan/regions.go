package plan

import "slices"

// Regions are the parts of a job between which no rows go, each as a plan with copies of its nodes, in the order of
// their first ones: what fails in one is no concern of the others. A job in one piece is its only region.
func (p *Physical) Regions() []*Physical {
	of := p.components()
	var regions []*Physical
	for first := range of {
		if of[first] == first {
			regions = append(regions, p.part(func(id int) bool { return of[id] == first }))
		}
	}
	if len(regions) == 1 {
		return []*Physical{p}
	}
	return regions
}

// components are, by node, the first node that it is connected to.
func (p *Physical) components() []int {
	of := make([]int, len(p.graph.Nodes))
	for i, n := range p.graph.Nodes {
		of[i] = i
		for _, e := range n.Inputs {
			a, b := of[i], of[e.From.ID]
			for k := range of[:i+1] {
				if of[k] == max(a, b) {
					of[k] = min(a, b)
				}
			}
		}
	}
	return of
}

// part is a plan of those nodes that are in it, with all that they take rows from.
func (p *Physical) part(in func(id int) bool) *Physical {
	g, copies := &Graph{Name: p.graph.Name}, map[*Node]*Node{}
	for _, n := range p.graph.Nodes {
		if !in(n.ID) {
			continue
		}
		c := *n
		c.Inputs = slices.Clone(n.Inputs)
		for i := range c.Inputs {
			c.Inputs[i].From = copies[c.Inputs[i].From]
		}
		copies[n] = g.Add(&c)
	}
	part := &Physical{Name: p.Name, MaxParallelism: p.MaxParallelism, ByNode: make([]*Chain, len(g.Nodes)), graph: g}
	for _, n := range g.Nodes {
		part.place(n)
	}
	return part
}
