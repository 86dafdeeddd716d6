package nfa

// Run is what has been matched so far.
type Run struct {
	Node        int64  // of the last row
	First, Last int64  // numbers of the first and the last row
	Start       int64  // event time of the first row
	Moves       uint64 // stages that may take the next row
	Stage       int32  // that has taken the last row
	Count       int32  // of rows that this stage has
}

// Found is a match that waits for what began before it.
type Found struct {
	Node, First, Last int64
}

// Runs are all that there is of a key, besides the buffer. The zero value is that of a new key.
type Runs struct {
	Rows, Nodes int64 // numbers given so far
	Time        int64 // event time of the last row looked at
	Runs        []Run
	Found       []Found // in the order in which they were complete
}

// Empty reports whether there is nothing to remember.
func (s *Runs) Empty() bool { return len(s.Runs) == 0 && len(s.Found) == 0 }
