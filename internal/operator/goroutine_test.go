package operator

import (
	"iter"
	"testing"
)

func TestNoOtherGoroutineIsTakenForTheOneThatMayUseState(t *testing.T) {
	mine := here()
	end, results := make(chan struct{}), make(chan bool)
	defer close(end)
	for range 1000 { // whose stacks are everywhere around the first
		go func() {
			results <- mine.same()
			<-end
		}()
	}
	for range 1000 {
		if <-results {
			t.Fatal("a goroutine is taken for another one")
		}
	}
}

// grow calls f with a stack that has had to move.
func grow(depth int, f func() bool) bool {
	var some [1024]byte
	if depth == 0 {
		return f()
	}
	some[depth] = 1
	return grow(depth-1, f) && some[depth] == 1
}

func TestAGoroutineIsKnownAgainHoweverItsStackHasGrown(t *testing.T) {
	result := make(chan bool)
	go func() {
		mine := here()
		result <- mine.same() && grow(100, mine.same) && mine.same()
	}()
	if !<-result {
		t.Error("a goroutine is not known again")
	}
}

func TestACoroutineIsAGoroutineOfItsOwn(t *testing.T) {
	mine := here()
	next, stop := iter.Pull(func(yield func(goroutine) bool) {
		for yield(here()) {
		}
	})
	defer stop()
	first, _ := next()
	second, _ := next()
	if first == mine || first != second || !mine.same() {
		t.Errorf("%x, then %x, called by %x", first, second, mine)
	}
}
