package spiky

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// Options say what is run.
type Options struct {
	// Place is where the state is kept, as users give it.
	Place string
	// Subtasks is the parallelism.
	Subtasks int
	// Keys is the number of keys, Payload the size of the value of each in bytes, Memory the bound on the process.
	Keys, Payload, Memory int64
	// Interval is the time between checkpoints.
	Interval time.Duration
	// Capacity is for how long the capacity is measured.
	Capacity time.Duration
	// Half is for how long the load is high, and then low, Waves how often.
	Half  time.Duration
	Waves int
}

// ParseOptions returns the options that a text holds, in JSON.
func ParseOptions(text string) (o Options, err error) {
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return o, base.Errorf(base.Config, "options %q: %w", text, err)
	}
	return o, o.Check()
}

// Check refuses what cannot be run.
func (o Options) Check() error {
	if o.Place == "" || o.Subtasks < 1 || o.Keys < int64(o.Subtasks) || o.Payload < 0 || o.Memory < 1 {
		return base.Errorf(base.Config, "%d subtasks, %d keys of %d bytes in %d bytes of memory at %q: "+
			"there must be some of each", o.Subtasks, o.Keys, o.Payload, o.Memory, o.Place)
	}
	if min(o.Interval, o.Capacity, o.Half) <= 0 || o.Waves < 1 {
		return base.Errorf(base.Config, "%d waves of twice %v, capacity measured for %v, a checkpoint every %v: "+
			"all must be positive", o.Waves, o.Half, o.Capacity, o.Interval)
	}
	return nil
}

// splitKeys is the number of keys that each split gives once.
func (o Options) splitKeys() int64 { return o.Keys / int64(o.Subtasks) }

// Text is what ParseOptions understands.
func (o Options) Text() string {
	text, err := json.Marshal(o)
	if err != nil {
		return fmt.Sprint(err)
	}
	return string(text)
}
