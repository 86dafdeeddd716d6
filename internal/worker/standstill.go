package worker

import (
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/operator"
)

const (
	// looks is how many times in a row user code has to be found waiting in the same place.
	looks = 4
	// lookEvery is the time between them.
	lookEvery = 10 * time.Second
)

// standstill finds user code that will never return: it waits, for a lock say, while rows sleep, one of which may have
// what it waits for. Nobody can tell that from user code that is slow but by time. It belongs to one goroutine.
type standstill struct {
	attempt *Attempt
	turns   []sameTurn     // by task
	seen    map[string]int // how many times in a row, by stack
}

// sameTurn is how many times in a row a task's user code was found in a turn.
type sameTurn struct {
	turn  uint64
	times int
}

// errStandstill is why an attempt gives its tasks up.
var errStandstill = errors.New("user code does not return")

// unlessStill waits for all goroutines of an attempt, unless user code stands still: that is the error then.
func (a *Attempt) unlessStill(group *sync.WaitGroup, failed *firstError) error {
	ended := make(chan error, 1)
	go func() {
		group.Wait()
		ended <- errors.Join(failed.get(), a.closeShards())
	}()
	s := standstill{attempt: a, turns: make([]sameTurn, len(a.tasks))}
	ticks := time.NewTicker(lookEvery)
	defer ticks.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-ticks.C:
			if err := s.look(); err != nil {
				a.cancel(err)
				return err
			}
		}
	}
}

// look takes the stacks of all goroutines if a task stalls. The world stands still meanwhile, so it is not done before.
func (s *standstill) look() error {
	id, times := s.stalled()
	if times < 2 {
		s.seen = nil
		return nil
	}
	seen := map[string]int{}
	for _, stack := range waitingUsers(stacks()) {
		if seen[stack] = s.seen[stack] + 1; seen[stack] >= looks && times >= looks {
			return s.attempt.taskError(id, base.Errorf(base.Config, "operator %q: %w: it has been waiting for %v in the "+
				"same place, and other rows, which use state, wait for it; does a row hold a lock while it uses state?\n%s",
				s.attempt.chains[id].Head().Name, errStandstill, (looks-1)*lookEvery, stack))
		}
	}
	s.seen = seen
	return nil
}

// stalled is the task whose user code has been in its turn for most looks, and for how many.
func (s *standstill) stalled() (id, most int) {
	for i, t := range s.attempt.tasks {
		head, ok := t.Head.(operator.Stalling)
		if !ok {
			continue
		}
		same := &s.turns[i]
		switch turn := head.Turn(); turn {
		case 0:
			*same = sameTurn{}
			continue
		case same.turn:
			same.times++
		default:
			*same = sameTurn{turn, 1}
		}
		if same.times > most {
			id, most = i, same.times
		}
	}
	return id, most
}

// stacks are those of all goroutines.
func stacks() []string {
	for size := 1 << 20; ; size *= 2 {
		buf := make([]byte, size)
		if n := runtime.Stack(buf, true); n < size {
			return strings.Split(string(buf[:n]), "\n\n")
		}
	}
}

// header is the first line of a stack; a wait of minutes is told.
var header = regexp.MustCompile(`^goroutine (\d+) (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[([^,\]]+)[^\]]*\]:`)

// waitingUsers are the stacks of user code of functions that waits for another goroutine: not of what sleeps until its
// state has come, and not of what waits for room in a channel.
func waitingUsers(stacks []string) (users []string) {
	const (
		work = "/internal/operator.(*Process["
		send = "/internal/channel.(*Sender)"
	)
	for _, stack := range stacks {
		m := header.FindStringSubmatch(stack)
		if m == nil || !strings.Contains(stack, work) || strings.Contains(stack, send) {
			continue
		}
		if waits(m[2]) {
			users = append(users, fmt.Sprintf("goroutine %s [%s]:%s", m[1], m[2], stack[len(m[0]):]))
		}
	}
	return users
}

// waits reports whether a goroutine in a state, as its stack has it, waits for another one. It may be many times, and not
// long, that it waits for the network or a timer: such code is slow.
func waits(state string) bool {
	for _, prefix := range []string{"sync.", "semacquire", "chan ", "select (no cases)"} {
		if strings.HasPrefix(state, prefix) {
			return true
		}
	}
	return false
}
