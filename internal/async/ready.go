package async

// turn is a record's place in the order of admission.
type turn struct {
	seq uint64
	id  ID
}

// ready are turns, the first admitted comes out first. Most become ready in that order: they go through a queue,
// and only the others through a heap.
type ready struct {
	inOrder queue[turn]
	late    []turn // a heap
}

func (r *ready) push(t turn) {
	if n := r.inOrder.len(); n == 0 || r.inOrder.at(n-1).seq < t.seq {
		r.inOrder.push(t)
		return
	}
	r.late = append(r.late, t)
	r.up(len(r.late) - 1)
}

// pop returns the first turn. It is not ok when there is none.
func (r *ready) pop() (t turn, ok bool) {
	switch {
	case len(r.late) > 0 && (r.inOrder.len() == 0 || r.late[0].seq < r.inOrder.at(0).seq):
		return r.popLate(), true
	case r.inOrder.len() > 0:
		return r.inOrder.pop(), true
	}
	return turn{}, false
}

func (r *ready) popLate() turn {
	first, last := r.late[0], len(r.late)-1
	r.late[0] = r.late[last]
	r.late = r.late[:last]
	r.down(0)
	return first
}

func (r *ready) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if r.late[parent].seq <= r.late[i].seq {
			return
		}
		r.late[parent], r.late[i] = r.late[i], r.late[parent]
		i = parent
	}
}

func (r *ready) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(r.late) {
			return
		}
		if child+1 < len(r.late) && r.late[child+1].seq < r.late[child].seq {
			child++
		}
		if r.late[i].seq <= r.late[child].seq {
			return
		}
		r.late[i], r.late[child] = r.late[child], r.late[i]
		i = child
	}
}
