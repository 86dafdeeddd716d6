package diskcache

import "sync"

// maxQueued bounds the chunks that wait to be written, 4 MiB: what comes then is not kept.
const maxQueued = 64

// tasks is what the goroutine that owns the files is to do, in order. It is safe for concurrent use.
type tasks struct {
	mu     sync.Mutex
	queue  []task
	chunks int // tasks in the queue that hold a chunk
	ended  bool
	ready  chan struct{} // holds one if there may be a task
}

type task struct {
	do    func()
	chunk bool
}

// offer adds a task that holds a chunk, unless too many wait already.
func (t *tasks) offer(do func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended || t.chunks >= maxQueued {
		return false
	}
	t.chunks++
	t.append(task{do, true})
	return true
}

// add adds a task that must be done. It returns false, and the task is not done, if there is no goroutine any
// more.
func (t *tasks) add(do func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return false
	}
	t.append(task{do, false})
	return true
}

func (t *tasks) append(k task) {
	t.queue = append(t.queue, k)
	select {
	case t.ready <- struct{}{}:
	default:
	}
}

// run does all tasks that wait.
func (t *tasks) run() {
	for {
		do := t.take()
		if do == nil {
			return
		}
		do()
	}
}

func (t *tasks) take() func() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.queue) == 0 {
		t.queue = nil
		return nil
	}
	k := t.queue[0]
	t.queue[0] = task{}
	t.queue = t.queue[1:]
	if k.chunk {
		t.chunks--
	}
	return k.do
}

// end lets no more tasks in.
func (t *tasks) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
}
