package metric

// The names of metrics.
const (
	RowsIn  = "aquifer_operator_rows_in_total"
	RowsOut = "aquifer_operator_rows_out_total"
	Late    = "aquifer_operator_rows_late_total"
	Bad     = "aquifer_operator_records_bad_total"

	StateLookups    = "aquifer_state_lookups_total"
	StateHits       = "aquifer_state_hits_total"
	StateMisses     = "aquifer_state_misses_total"
	StateAbsent     = "aquifer_state_known_absent_total"
	StateScans      = "aquifer_state_scans_total"
	StateRequests   = "aquifer_state_read_requests_total"
	StateWait       = "aquifer_state_wait_seconds"
	StateWaitMax    = "aquifer_state_wait_max_seconds"
	StateEvictions  = "aquifer_state_evictions_total"
	StateExpired    = "aquifer_state_expired_total"
	StateKeys       = "aquifer_state_keys"
	StateMemory     = "aquifer_state_memory_bytes"
	StateDirty      = "aquifer_state_dirty_bytes"
	StateFreezes    = "aquifer_state_freezes_total"
	StateFreezeTime = "aquifer_state_freeze_seconds_total"
	StateFreezeMax  = "aquifer_state_freeze_max_seconds"
	StallTime       = "aquifer_operator_stall_seconds_total"
	StallMax        = "aquifer_operator_stall_max_seconds"
	RowsInFlight    = "aquifer_operator_rows_in_flight"
	RowsSuspended   = "aquifer_operator_rows_suspended"
	RowsWaited      = "aquifer_operator_rows_waited_total"
	Suspensions     = "aquifer_operator_suspensions_total"
	ReadsAhead      = "aquifer_operator_reads_ahead_total"
	KeysAhead       = "aquifer_operator_keys_ahead_total"
	BusyKeys        = "aquifer_operator_busy_keys"
	CallsInFlight   = "aquifer_operator_calls_in_flight"
	CallRetries     = "aquifer_operator_call_retries_total"
	CallTimeouts    = "aquifer_operator_call_timeouts_total"

	TaskIdle    = "aquifer_task_idle_seconds_total"
	TaskWaiting = "aquifer_task_waiting_seconds_total"
	TaskBlocked = "aquifer_task_blocked_seconds_total"

	TableCount        = "aquifer_tables"
	TableBytes        = "aquifer_tables_bytes"
	L0Tables          = "aquifer_l0_tables"
	L0Depth           = "aquifer_l0_depth"
	IngestedBytes     = "aquifer_ingested_bytes_total"
	Sweeps            = "aquifer_sweeps_total"
	SweepFound        = "aquifer_sweep_keys_total"
	SweepBytes        = "aquifer_sweep_read_bytes_total"
	SweepCompactions  = "aquifer_sweep_compactions_total"
	Compactions       = "aquifer_compactions_total"
	CompactionRead    = "aquifer_compaction_read_bytes_total"
	CompactionWritten = "aquifer_compaction_written_bytes_total"
	CompactionDebt    = "aquifer_compaction_debt_bytes"
	CompactionPauses  = "aquifer_compaction_pause_seconds_total"
	IngestWait        = "aquifer_ingest_wait_seconds_total"
	WarmTables        = "aquifer_warm_tables_total"
	WarmErrors        = "aquifer_warm_errors_total"

	MemoryLimit = "aquifer_memory_limit_bytes"
	StateLimit  = "aquifer_state_memory_limit_bytes"
	BlockHits   = "aquifer_block_cache_hits_total"
	BlockMisses = "aquifer_block_cache_misses_total"
	BlockLimit  = "aquifer_block_cache_limit_bytes"
	BlockBytes  = "aquifer_block_cache_bytes"

	DiskHits      = "aquifer_disk_cache_hits_total"
	DiskMisses    = "aquifer_disk_cache_misses_total"
	DiskHitBytes  = "aquifer_disk_cache_hit_bytes_total"
	DiskMissBytes = "aquifer_disk_cache_miss_bytes_total"
	DiskBytes     = "aquifer_disk_cache_bytes"
	DiskLimit     = "aquifer_disk_cache_limit_bytes"
	DiskEvictions = "aquifer_disk_cache_evictions_total"
	DiskUnkept    = "aquifer_disk_cache_unkept_total"
	DiskFailures  = "aquifer_disk_cache_failures_total"
	DiskCorrupt   = "aquifer_disk_cache_corrupt_total"

	ObjectRequests     = "aquifer_object_requests_total"
	ObjectErrors       = "aquifer_object_errors_total"
	ObjectReadBytes    = "aquifer_object_read_bytes_total"
	ObjectWrittenBytes = "aquifer_object_written_bytes_total"
	ObjectTime         = "aquifer_object_request_seconds"
	ObjectWaiting      = "aquifer_object_requests_waiting"
	ObjectRunning      = "aquifer_object_requests_running"
	ObjectWaitTime     = "aquifer_object_wait_seconds_total"

	CheckpointsCompleted = "aquifer_checkpoints_completed_total"
	CheckpointsFailed    = "aquifer_checkpoints_failed_total"
	CheckpointBytes      = "aquifer_checkpoint_bytes"
	CheckpointOvertaken  = "aquifer_checkpoint_overtaken_bytes_total"
	CheckpointCost       = "aquifer_checkpoint_cost_seconds_total"
	CheckpointInterval   = "aquifer_checkpoint_interval_seconds"
	Restarts             = "aquifer_restarts_total"
)

// The tiers of state, values of the label tier: from the nearest to the farthest.
const (
	// Hot are the tables of an operator in memory.
	Hot = "hot"
	// Cache is the memory for blocks of tables.
	Cache = "cache"
	// Store is the object store, or the disk cache before it: whoever looks there waits.
	Store = "store"
)

var (
	perSubtask   = []string{"operator", "subtask"}
	perTier      = []string{"operator", "subtask", "tier"}
	perOperation = []string{"operation"}
	perPurpose   = []string{"purpose"}
)

// All are the metrics, in the order in which they are documented.
var All = []Metric{
	{RowsIn, Counter, perSubtask, "Rows that the operator was given."},
	{RowsOut, Counter, perSubtask, "Rows that the operator has passed on."},
	{Late, Counter, perSubtask, "Rows dropped or sent aside because they came too late."},
	{Bad, Counter, perSubtask, "Records that could not be decoded."},

	{StateLookups, Counter, perSubtask, "Keys looked up in the hot tables, one for each row."},
	{StateHits, Counter, perTier, "Keys that the tier had or knew not to exist below it. Hot: of lookups. " +
		"Cache and store: of reads of what is not in the hot tables, one for each key and state."},
	{StateMisses, Counter, perTier, "Keys that the tier sent on to the next one."},
	{StateAbsent, Counter, perSubtask, "New keys that the hot tables knew not to be below, without a read."},
	{StateScans, Counter, perSubtask, "Ranges of state that were read from tables."},
	{StateRequests, Counter, perSubtask, "Reads of tables, from the disk cache or the object store, for keys; " +
		"those for ranges and compactions are not among them."},
	{StateWait, Histogram, perSubtask, "Time for which the operator has stopped to read what is not in the hot tables: one " +
		"for all such keys of a batch, and one for each range."},
	{StateWaitMax, Gauge, perSubtask, "The longest such time."},
	{StateEvictions, Counter, perSubtask, "Keys and entries that were forgotten because memory was short."},
	{StateExpired, Counter, perSubtask, "Entries that were removed because their time-to-live was over."},
	{StateKeys, Gauge, perSubtask, "Keys in the hot tables."},
	{StateMemory, Gauge, perSubtask, "Memory of the hot tables."},
	{StateDirty, Gauge, perSubtask, "About the bytes of changes that no snapshot has yet."},
	{StateFreezes, Counter, perSubtask, "Snapshots taken of the hot tables, at barriers."},
	{StateFreezeTime, Counter, perSubtask, "Time for which a barrier has stopped the operator to take snapshots."},
	{StateFreezeMax, Gauge, perSubtask, "The longest such time."},
	{StallTime, Counter, perSubtask, "Time for which no row was let in because as many as may be were in flight, because " +
		"a barrier waited for them, or because changes had to be written."},
	{StallMax, Gauge, perSubtask, "The longest such time of a batch."},
	{RowsInFlight, Gauge, perSubtask, "Rows and timers that have come and are not done: they wait for state, for their key or for an outside " +
		"service."},
	{RowsSuspended, Gauge, perSubtask, "Those among them that wait in the middle of the user's function."},
	{RowsWaited, Counter, perSubtask, "Rows that had to wait before they could begin; all others ran at once."},
	{Suspensions, Counter, perSubtask, "Reads that nobody had foreseen, for which a row waited in the middle of a function."},
	{ReadsAhead, Counter, perSubtask, "Grouped reads that were begun before their rows, one for a batch at most."},
	{KeysAhead, Counter, perSubtask, "Keys and ranges that these have looked for."},
	{BusyKeys, Gauge, perSubtask, "Keys that rows in flight have: other rows of theirs must wait."},
	{CallsInFlight, Gauge, perSubtask, "Calls of an outside service that are under way or wait to be made again."},
	{CallRetries, Counter, perSubtask, "Calls of an outside service that were made again because they had failed."},
	{CallTimeouts, Counter, perSubtask, "Rows for which an outside service had no result in time."},

	{TaskIdle, Counter, perSubtask, "Time without input and with nothing in flight; told of the first operator of a task."},
	{TaskWaiting, Counter, perSubtask, "Time in which a task could do nothing because all it had waited for state or for " +
		"an outside service."},
	{TaskBlocked, Counter, perSubtask, "Time in which a task waited because what it feeds was full. The rest of its time it " +
		"was busy."},

	{TableCount, Gauge, perSubtask, "Tables that the state consists of."},
	{TableBytes, Gauge, perSubtask, "Their size, in part estimated."},
	{L0Tables, Gauge, perSubtask, "Tables that have not been merged into the others yet."},
	{L0Depth, Gauge, perSubtask, "How many of these a read looks into at most."},
	{IngestedBytes, Counter, perSubtask, "Bytes of the tables with changes that were taken in."},
	{Sweeps, Counter, perSubtask, "Times that the tables were looked through for what has expired."},
	{SweepFound, Counter, perSubtask, "Keys that these found to have expired."},
	{SweepBytes, Counter, perSubtask, "Bytes that were read from the object store for that."},
	{SweepCompactions, Counter, perSubtask, "Times that so much was found to have expired and to be deleted that all tables " +
		"were compacted."},
	{Compactions, Counter, perSubtask, "Compactions that have succeeded."},
	{CompactionRead, Counter, perSubtask, "Bytes that compactions have read."},
	{CompactionWritten, Counter, perSubtask, "Bytes that compactions have written."},
	{CompactionDebt, Gauge, perSubtask, "About the bytes that compactions have to write until the tables are in shape."},
	{IngestWait, Counter, perSubtask, "Time that tables with changes have waited because too many were not merged yet."},
	{WarmTables, Counter, perSubtask, "Tables whose index and filter were loaded ahead after a restore."},
	{WarmErrors, Counter, perSubtask, "Tables that could not be loaded ahead; whoever reads them tries again."},
	{CompactionPauses, Counter, nil, "Time that compactions have given way to what else wanted a processor."},

	{MemoryLimit, Gauge, nil, "The bound on the memory of the process; 0 for none."},
	{StateLimit, Gauge, nil, "The share of it that hot tables have; 0 for no bound."},
	{BlockHits, Counter, nil, "Blocks of tables found in the block cache."},
	{BlockMisses, Counter, nil, "Blocks not found there; a read that then asks the store counts its block twice."},
	{BlockLimit, Gauge, nil, "The size that the block cache may have."},
	{BlockBytes, Gauge, nil, "The size that it has."},

	{DiskHits, Counter, nil, "Reads of tables that the disk cache answered; those of compactions are not counted."},
	{DiskMisses, Counter, nil, "Reads for which the object store was asked, in whole or in part."},
	{DiskHitBytes, Counter, nil, "Bytes that these reads got from the disk."},
	{DiskMissBytes, Counter, nil, "Bytes that they got from the object store."},
	{DiskBytes, Gauge, nil, "Bytes of tables in the disk cache."},
	{DiskLimit, Gauge, nil, "The size that the disk cache may have; 0 without one."},
	{DiskEvictions, Counter, nil, "Chunks that went to make room."},
	{DiskUnkept, Counter, nil, "Chunks that were not kept, because the disk was too slow or full."},
	{DiskFailures, Counter, nil, "Errors of the disk."},
	{DiskCorrupt, Counter, nil, "Chunks whose checksum was wrong; the store was asked instead."},

	{ObjectRequests, Counter, perOperation, "Requests to the object store."},
	{ObjectErrors, Counter, perOperation, "Requests that failed; a refusal is no failure."},
	{ObjectReadBytes, Counter, nil, "Bytes read from the object store."},
	{ObjectWrittenBytes, Counter, nil, "Bytes written to the object store."},
	{ObjectTime, Histogram, perOperation, "Time from a request to its answer."},
	{ObjectWaiting, Gauge, perPurpose, "Requests that wait for their turn."},
	{ObjectRunning, Gauge, perPurpose, "Requests that are under way."},
	{ObjectWaitTime, Counter, perPurpose, "Time that requests have waited for their turn, and that compactions rested " +
		"between them to leave the store to others."},

	{CheckpointsCompleted, Counter, nil, "Checkpoints stored by this run."},
	{CheckpointsFailed, Counter, nil, "Checkpoints given up by this run."},
	{CheckpointBytes, Gauge, nil, "The size of the tables of the last checkpoint."},
	{CheckpointOvertaken, Counter, nil, "Bytes of rows that barriers have overtaken, in stored checkpoints."},
	{CheckpointCost, Counter, nil, "Time that checkpoints have taken from the rows: that for which their barriers stopped a task, " +
		"and that of processors, without waits for the store."},
	{CheckpointInterval, Gauge, nil, "The time between checkpoints, as it is chosen for their cost."},
	{Restarts, Counter, nil, "Restarts after failures in this run."},
}
