package checkpoint

// Reason says why a checkpoint is taken.
type Reason string

// The reasons. After a checkpoint for the end or a stop, no other begins and the run finishes. A savepoint is a
// checkpoint that is kept until it is deleted by name.
const (
	ReasonPeriodic      Reason = "periodic"
	ReasonManual        Reason = "manual"
	ReasonSavepoint     Reason = "savepoint"
	ReasonEnd           Reason = "end"
	ReasonStop          Reason = "stop"
	ReasonStopSavepoint Reason = "stop-savepoint"
)

// Last reports whether nothing follows the checkpoint.
func (r Reason) Last() bool { return r == ReasonEnd || r == ReasonStop || r == ReasonStopSavepoint }

// Kept reports whether the checkpoint is a savepoint.
func (r Reason) Kept() bool { return r == ReasonSavepoint || r == ReasonStopSavepoint }

// asked reports whether the checkpoint would not be taken if nobody had asked, so that the run needs it for nothing.
func (r Reason) asked() bool { return r == ReasonManual || r == ReasonSavepoint }
