package channel

// queue is what has been sent into one channel and not been taken. The gate's mutex guards it.
type queue struct {
	messages []Message // a ring; longer than the credit when a barrier was in a hurry
	head, n  int
	blocked  bool          // its barrier has arrived, others' have not
	aligns   bool          // no barrier overtakes
	space    chan struct{} // holds a token when there may be credit again
	// recording is where what comes is copied to, until the barrier does that has overtaken it in other channels.
	recording *Line
}

func newQueue(credit int, aligns bool) queue {
	return queue{messages: make([]Message, credit), aligns: aligns, space: make(chan struct{}, 1)}
}

// at is the message behind i others.
func (q *queue) at(i int) *Message { return &q.messages[(q.head+i)%len(q.messages)] }

func (q *queue) push(m Message) {
	if q.n == len(q.messages) {
		longer := make([]Message, 2*q.n)
		for i := range q.n {
			longer[i] = *q.at(i)
		}
		q.messages, q.head = longer, 0
	}
	*q.at(q.n) = m
	q.n++
}

func (q *queue) pop() Message {
	m := q.messages[q.head]
	q.messages[q.head] = Message{}
	q.head = (q.head + 1) % len(q.messages)
	q.n--
	return m
}

// barrier is the place of the first barrier, or n.
func (q *queue) barrier() int {
	for i := range q.n {
		if q.at(i).Barrier != nil {
			return i
		}
	}
	return q.n
}
