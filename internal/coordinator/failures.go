package coordinator

import (
	"errors"
	"strings"
	"time"

	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/worker"
)

// Failure is one that ended the tasks of a run.
type Failure struct {
	// At is when the tasks had ended.
	At time.Time `json:"at"`
	// Operator is the uid of the one that failed, or of the first of its task; empty if it was none of them. Subtask is
	// the number of its instance, from 0.
	Operator string `json:"operator,omitempty"`
	Subtask  int    `json:"subtask"`
	// Key is what user code was called for, as Go prints it, if it was user code with a key.
	Key string `json:"key,omitempty"`
	// Record is the beginning of the record that it was called for, as Go prints it, if it waited for an outside service.
	Record string `json:"record,omitempty"`
	// Message is the error, without the stack of a panic. Like Key it is cut off when it is long.
	Message string `json:"message"`
	// Down is how long it took, pauses and further failures included, until tasks ran again, in nanoseconds; zero if
	// they did not. Checkpoint is what they went on from, zero for the beginning.
	Down       time.Duration `json:"down_ns"`
	Checkpoint uint64        `json:"checkpoint"`
}

const (
	// mostFailures is how many a run remembers.
	mostFailures = 16
	// longestMessage and longestKey are in bytes.
	longestMessage, longestKey = 2000, 200
)

// failed remembers a failure.
func (r *run) failed(err error) {
	f := Failure{At: time.Now(), Message: err.Error()}
	if t, ok := errors.AsType[*worker.TaskError](err); ok {
		f.Operator, f.Subtask = t.UID, t.Subtask
	}
	if u, ok := errors.AsType[*operator.UserError](err); ok {
		f.Operator, f.Subtask, f.Key, f.Record = u.UID, u.Subtask, cut(u.Key, longestKey), u.Record
		f.Message = u.Err.Error()
	}
	f.Message = cut(f.Message, longestMessage)
	all := append(r.result.Failures, f)
	r.result.Failures = all[max(0, len(all)-mostFailures):]
}

// recovered notes that tasks run again, from a checkpoint.
func (r *run) recovered(checkpoint uint64) {
	for i := range r.result.Failures {
		if f := &r.result.Failures[i]; f.Down == 0 {
			f.Down, f.Checkpoint = time.Since(f.At), checkpoint
		}
	}
}

// cut shortens a text.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + " …"
}
