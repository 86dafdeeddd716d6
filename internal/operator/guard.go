package operator

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
)

// UserError is a failure of user code: an error that it returned, or a panic.
type UserError struct {
	// UID and Operator identify and name the operator, Subtask is the instance of it.
	UID, Operator string
	Subtask       int
	// Key is the key being processed as Go prints it, or empty.
	Key string
	// Record is the beginning of the record being processed as Go prints it, or empty.
	Record string
	// Time is the event time of the record or timer, or flow.NoTime.
	Time int64
	// Err is what the function returned, or describes the panic.
	Err error
	// Stack is where it panicked; nil for a returned error.
	Stack []byte
}

// Error names the operator, the key and the event time, and shows the stack of a panic.
func (e *UserError) Error() string {
	s := fmt.Sprintf("operator %q, subtask %d", e.Operator, e.Subtask)
	if e.Key != "" {
		s += ", key " + e.Key
	}
	if e.Record != "" {
		s += ", record " + e.Record
	}
	if e.Time != flow.NoTime {
		s += ", event time " + time.UnixMilli(e.Time).UTC().Format(time.RFC3339Nano)
	}
	s += ": " + e.Err.Error()
	if e.Stack != nil {
		s += "\n" + string(e.Stack)
	}
	return s
}

// Unwrap returns the error of the function.
func (e *UserError) Unwrap() error { return e.Err }

// userError describes err as that of the operator's function, at a key (nil for none) and time.
func (e *Env) userError(err error, key any, at int64) error {
	u := &UserError{UID: e.UID, Operator: e.Name, Subtask: e.Subtask, Time: at, Err: err}
	if key != nil {
		u.Key = fmt.Sprintf("%v", key)
	}
	return u
}

// rescue turns a panic of user code into *err. It is deferred around each call with a batch; where says
// the key (nil for none) and the event time that was being processed.
func (e *Env) rescue(err *error, where func() (key any, time int64)) {
	p := recover()
	if p == nil {
		return
	}
	cause, ok := p.(error)
	if !ok {
		cause = fmt.Errorf("%v", p)
	}
	key, at := where()
	u := e.userError(fmt.Errorf("panic: %w", cause), key, at).(*UserError)
	u.Stack = debug.Stack()
	*err = u
}

// timeAt is the event time of row i, if there is one.
func timeAt(times []int64, i int) int64 {
	if i < len(times) {
		return times[i]
	}
	return flow.NoTime
}
