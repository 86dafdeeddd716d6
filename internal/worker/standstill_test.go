package worker

import (
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/task"
)

// stackOf is what the runtime writes of a goroutine in a state, with frames.
func stackOf(state string, frames ...string) string {
	text := "goroutine 34 [" + state + "]:\n"
	for _, f := range frames {
		text += f + "(0xc000012345)\n\t/somewhere/file.go:12 +0x1d\n"
	}
	return strings.TrimSuffix(text, "\n")
}

const (
	userFrame = "example.com/user.(*function).Process"
	workFrame = "github.com/aquifer-stream/aquifer/internal/operator.(*Process[...]).work"
	sendFrame = "github.com/aquifer-stream/aquifer/internal/channel.(*Sender).Send"
)

func TestOnlyUserCodeThatWaitsForAnotherGoroutineStandsStill(t *testing.T) {
	for _, c := range []struct {
		name, stack string
		want        bool
	}{
		{"a lock", stackOf("sync.Mutex.Lock", "sync.(*Mutex).Lock", userFrame, workFrame), true},
		{"a lock, for minutes", stackOf("sync.RWMutex.RLock, 3 minutes", userFrame, workFrame), true},
		{"a lock, on a thread", stackOf("sync.Mutex.Lock, locked to thread", userFrame, workFrame), true},
		{"a channel", stackOf("chan receive", userFrame, workFrame), true},
		{"a channel, in virtual time", stackOf("chan send (durable), synctest bubble 1", userFrame, workFrame), true},
		{"nothing: it computes", stackOf("running", userFrame, workFrame), false},
		{"a processor", stackOf("runnable", userFrame, workFrame), false},
		{"the network", stackOf("IO wait", userFrame, workFrame), false},
		{"a timer", stackOf("sleep", userFrame, workFrame), false},
		{"one of several things, as a client of HTTP does", stackOf("select", userFrame, workFrame), false},
		{"its state", stackOf("coroutine, 1 minutes", userFrame, workFrame), false},
		{"room in a channel of the job", stackOf("chan send", sendFrame, workFrame), false},
		{"a lock, but not in a function", stackOf("sync.Mutex.Lock", "example.com/user.main"), false},
	} {
		if got := len(waitingUsers([]string{c.stack})) == 1; got != c.want {
			t.Errorf("it waits for %s: %t, want %t", c.name, got, c.want)
		}
	}
}

func TestAStackIsTheSameHoweverLongItsGoroutineHasWaited(t *testing.T) {
	users := waitingUsers([]string{
		stackOf("chan receive", userFrame, workFrame), stackOf("chan receive, 2 minutes", userFrame, workFrame),
	})
	if len(users) != 2 || users[0] != users[1] {
		t.Errorf("%q", users)
	}
}

func TestTheStacksOfAllGoroutinesAreTakenApart(t *testing.T) {
	here, begun := make(chan struct{}), make(chan struct{})
	defer close(here)
	go func() { close(begun); <-here }()
	<-begun
	all := stacks()
	for _, s := range all {
		if header.FindString(s) == "" {
			t.Errorf("a goroutine begins with %.80q", s)
		}
	}
	if len(all) < 2 {
		t.Errorf("%d goroutines", len(all))
	}
}

// turning is an operator that says which turn its user code has.
type turning struct {
	operator.Progress
	turn uint64
}

func (t *turning) Turn() uint64 { return t.turn }

func TestATaskStallsWhoseUserCodeIsFoundInOneTurnAgainAndAgain(t *testing.T) {
	slow, stuck := &turning{}, &turning{}
	a := &Attempt{tasks: []*task.Task{task.New(task.Config{Head: slow}), task.New(task.Config{Head: stuck})}}
	s := standstill{attempt: a, turns: make([]sameTurn, len(a.tasks))}
	for i, look := range []struct {
		slow, stuck uint64
		id, most    int
	}{
		{0, 0, 0, 0}, // nobody waits for them
		{1, 1, 0, 1},
		{3, 1, 1, 2}, // the first has ended its turn, and has another
		{3, 1, 1, 3},
		{5, 0, 0, 1}, // those that waited wait no more
		{5, 1, 0, 2}, // and begin to again
	} {
		slow.turn, stuck.turn = look.slow, look.stuck
		if id, most := s.stalled(); id != look.id || most != look.most {
			t.Errorf("look %d: task %d for %d, want task %d for %d", i, id, most, look.id, look.most)
		}
	}
}
