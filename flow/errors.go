package flow

import "github.com/aquifer-stream/aquifer/internal/base"

// ConfigErrorf is [fmt.Errorf] for a mistake in usage, in configuration or in the program, which no restart heals: a
// source, a sink or a function that returns such an error, wrapped or not, ends the job at once instead of going back to
// the last checkpoint, and the program ends with the exit code for it. Checkpoints stay as they are. Any other error may
// pass by itself, and is answered by the job's restart strategy.
func ConfigErrorf(format string, args ...any) error { return base.Errorf(base.Config, format, args...) }

// CorruptErrorf is [fmt.Errorf] for stored data that is not what was written: a checksum that is wrong, a position or a
// spec of a split, or the state of a writer, that cannot be read. The job ends at once, as by [ConfigErrorf]: the same
// checkpoint would be no better the next time.
func CorruptErrorf(format string, args ...any) error {
	return base.Errorf(base.Corrupt, format, args...)
}
