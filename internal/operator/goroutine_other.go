//go:build !amd64 && !arm64

package operator

import (
	"bytes"
	"runtime"
	"strconv"
)

// current is the number of the goroutine that calls, which stack traces begin with.
func current() uintptr {
	var trace [64]byte
	line := bytes.TrimPrefix(trace[:runtime.Stack(trace[:], false)], []byte("goroutine "))
	digits, _, _ := bytes.Cut(line, []byte(" "))
	n, _ := strconv.ParseUint(string(digits), 10, 64)
	return uintptr(n)
}
