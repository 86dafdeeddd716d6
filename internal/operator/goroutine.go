package operator

import (
	"bytes"
	"runtime"
	"strconv"
	"unsafe"
)

// goroutine identifies the goroutine that state may be used on. Go does not say cheaply on which one code runs: its
// number is part of a stack trace only, which takes microseconds. But the stack of a goroutine stays where it is as long
// as it does not grow, and a call is a little further down: that is enough to know it again.
type goroutine struct {
	number uint64
	stack  uintptr
	checks uint8
}

const (
	// stackReach is how far a call may be from where the goroutine was seen first.
	stackReach = 16 << 10
	// trustChecks is how many times a position is believed before the number is looked at again: another stack might
	// be that near.
	trustChecks = 255
)

// here is the goroutine that calls.
func here() goroutine {
	return goroutine{number: goroutineNumber(), stack: stackPosition()}
}

// same reports whether it is the one that calls.
func (g *goroutine) same() bool {
	at := stackPosition()
	near := g.stack-at < stackReach || at-g.stack < stackReach
	if near && g.checks < trustChecks {
		g.checks++
		return true
	}
	g.checks = 0
	if goroutineNumber() != g.number {
		return false
	}
	g.stack = at
	return true
}

//go:noinline
func stackPosition() uintptr {
	var here byte
	return uintptr(unsafe.Pointer(&here))
}

// goroutineNumber is the number that stack traces begin with.
func goroutineNumber() uint64 {
	var trace [64]byte
	line := bytes.TrimPrefix(trace[:runtime.Stack(trace[:], false)], []byte("goroutine "))
	digits, _, _ := bytes.Cut(line, []byte(" "))
	n, _ := strconv.ParseUint(string(digits), 10, 64)
	return n
}
