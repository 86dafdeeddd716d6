package control

// Job is what a running job tells of itself. Times are milliseconds since 1970 UTC. Fields are added, never renamed.
type Job struct {
	Name    string `json:"name"`
	Process int    `json:"process"`
	Socket  string `json:"socket"`
	// State is where its checkpoints are; empty for memory only.
	State   string `json:"state"`
	Started int64  `json:"started"`
	// Status is starting, running or restarting, as it is while any of its operators wait for a restart.
	Status string `json:"status"`
	// ResumedFrom is the checkpoint that the run went on from; zero for none.
	ResumedFrom uint64  `json:"resumed_from"`
	RowsRead    int64   `json:"rows_read"`
	RowsWritten int64   `json:"rows_written"`
	RowsPerS    float64 `json:"rows_per_s"` // read, over about a second
	// EventTime is that of the sinks, EventTimeKnown whether there is one: not before the first row, nor after the last.
	EventTime      int64 `json:"event_time"`
	EventTimeKnown bool  `json:"event_time_known"`
	// MemoryBytes is the memory of keyed state, StoredBytes the size of all tables of the last checkpoint.
	MemoryBytes int64 `json:"memory_bytes"`
	StoredBytes int64 `json:"stored_bytes"`
	Keys        int64 `json:"keys"`
	Restarts    int   `json:"restarts"`
	// Operators are in the order of the program.
	Operators []Operator `json:"operators"`
	// Checkpoints are the last ones, those that failed included, and Failures those of the run; oldest first.
	Checkpoints []Checkpoint `json:"checkpoints"`
	Failures    []Failure    `json:"failures"`
}

// Operator is a node of the job's graph. Its counts are those since it was last restarted.
type Operator struct {
	Name        string `json:"name"`
	UID         string `json:"uid"`
	Parallelism int    `json:"parallelism"`
	Inputs      []Edge `json:"inputs"`
	RowsIn      int64  `json:"rows_in"`
	RowsOut     int64  `json:"rows_out"`
	MemoryBytes int64  `json:"memory_bytes"`
	Keys        int64  `json:"keys"`
	// Restarting says that its tasks have ended and are about to be started again.
	Restarting bool `json:"restarting"`
}

// Edge is where an operator takes rows from.
type Edge struct {
	From string `json:"from"`
	// Exchange is forward, rebalance or hash.
	Exchange string `json:"exchange"`
}

// Checkpoint is one that was stored, or that failed with an error.
type Checkpoint struct {
	Checkpoint uint64  `json:"checkpoint"`
	Time       int64   `json:"time"` // when that was known
	Reason     string  `json:"reason,omitempty"`
	Seconds    float64 `json:"seconds"`
	Bytes      int64   `json:"bytes"`     // of all its tables
	NewBytes   int64   `json:"new_bytes"` // of those that no earlier one has
	Error      string  `json:"error,omitempty"`
}

// Failure is what a job was restarted for.
type Failure struct {
	Time int64 `json:"time"`
	// Operator names the operators of the task that failed, UID is that of the one that did, or of the first; they are
	// empty if it was none.
	Operator string `json:"operator"`
	UID      string `json:"uid,omitempty"`
	// Key and Record are what user code was called for, if that is known.
	Key     string `json:"key,omitempty"`
	Record  string `json:"record,omitempty"`
	Message string `json:"message"` // without a stack
	// Restarted are the uids of the operators that went back; none for all.
	Restarted []string `json:"restarted,omitempty"`
	// PauseSeconds is the pause before the restart.
	PauseSeconds float64 `json:"pause_seconds"`
	// DownSeconds is the time until tasks ran again, from Checkpoint, or from the beginning; zero if they do not yet.
	DownSeconds float64 `json:"down_seconds"`
	Checkpoint  uint64  `json:"checkpoint"`
}

// Taken is the answer to a request for a checkpoint or savepoint: its number, and where it is.
type Taken struct {
	Checkpoint uint64 `json:"checkpoint"`
	State      string `json:"state"`
}

// Outcome is how a job ended.
type Outcome struct {
	Finished bool `json:"finished"`
	// LastCheckpoint is the newest one stored; zero for none.
	LastCheckpoint uint64 `json:"last_checkpoint"`
	// Savepoint is the one that was asked for; zero for none.
	Savepoint uint64 `json:"savepoint"`
	State     string `json:"state"`
	Error     string `json:"error,omitempty"`
}
