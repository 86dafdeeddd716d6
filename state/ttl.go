package state

import (
	"time"

	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// Option changes how a state is kept.
type Option struct{ ttl keyed.TTL }

// TTL gives what a state has a time-to-live: when it has not been written for that long, by the clock of the machine
// and to the millisecond, it is gone. For a Value, a Reducing and an Aggregating that is what a key has, for a Map an
// entry, for a List a row. Reads see none of what has expired; memory and store are free of it some time later, at
// most about as long again.
//
// The duration is part of the program and not of the state: another one holds from the next write of an entry on.
// What a state had before it was given a time-to-live gets it when it is read or written the next time, and stays
// if it never is. What it had before its time-to-live was taken away stays, what has expired and is not removed yet
// included.
func TTL(d time.Duration) Option { return Option{keyed.TTL{After: d}} }

// RefreshOnRead is TTL counted from the last write or read. A read is then a change that the next checkpoint writes.
// Len is no read.
func (o Option) RefreshOnRead() Option {
	o.ttl.Update = keyed.OnRead
	return o
}

// FromCreation is TTL counted from the first write since there was nothing. To find out whether there is, setting
// an entry of a Map and adding to a Reducing or Aggregating read what is not in memory.
func (o Option) FromCreation() Option {
	o.ttl.Update = keyed.OnCreation
	return o
}

// ttlOf is the time-to-live among options, the last one that is given.
func ttlOf(options []Option) (ttl keyed.TTL, ok bool) {
	for _, o := range options {
		ttl, ok = o.ttl, true
	}
	return ttl, ok
}
