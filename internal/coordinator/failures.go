package coordinator

import (
	"errors"
	"slices"
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
	// Task has the names of the operators of the task that failed, and which of its subtasks it was; empty if it was none.
	Task string `json:"task,omitempty"`
	// Restarted are the uids of the operators that went back for it, where the others went on; nil for all.
	Restarted []string `json:"restarted,omitempty"`
	// Pause is the one before the restart, in nanoseconds; zero if there was none.
	Pause time.Duration `json:"pause_ns"`
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

// failed remembers a failure of some operators, or of all for nil.
func (r *run) failed(err error, operators []string) {
	f := Failure{At: time.Now(), Message: err.Error(), Restarted: operators}
	if t, ok := errors.AsType[*worker.TaskError](err); ok {
		f.Operator, f.Subtask, f.Task = t.UID, t.Subtask, t.Task
	}
	if u, ok := errors.AsType[*operator.UserError](err); ok {
		f.Operator, f.Subtask, f.Key, f.Record = u.UID, u.Subtask, cut(u.Key, longestKey), u.Record
		f.Message = u.Err.Error()
	}
	f.Message = cut(f.Message, longestMessage)
	all := append(r.result.Failures, f)
	r.result.Failures = all[max(0, len(all)-mostFailures):]
}

// undisturbed is for how long nothing has failed when something does. It is the whole job's: a part that has run for long
// does not make it forget that another fails again and again.
func (r *run) undisturbed() time.Duration {
	calm := r.calm
	r.calm = time.Now()
	return r.calm.Sub(calm)
}

// restarting notes that a restart follows the last failure, and returns the event that tells of it.
func (r *run) restarting(err error, pause time.Duration) Restarting {
	r.result.Restarts++
	f := &r.result.Failures[len(r.result.Failures)-1]
	f.Pause = pause
	return Restarting{Err: err, After: pause, Operators: f.Restarted, Failures: slices.Clone(r.result.Failures)}
}

// recovered notes that the tasks of some operators, or of all for nil, run again, from a checkpoint. It returns the event
// that tells of it.
func (r *run) recovered(operators []string, checkpoint uint64, took time.Duration) Started {
	for i := range r.result.Failures {
		f := &r.result.Failures[i]
		if f.Down == 0 && (operators == nil || slices.Equal(f.Restarted, operators)) {
			f.Down, f.Checkpoint = time.Since(f.At), checkpoint
		}
	}
	r.starts++
	return Started{r.starts, checkpoint, took, operators, slices.Clone(r.result.Failures)}
}

// cut shortens a text.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + " …"
}
