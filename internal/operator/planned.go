package operator

import (
	"context"
	"sync"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
)

// Planned is what is known of an operator's state before it runs.
type Planned struct {
	// Unkeyed is set when all of it is broadcast state: there are no keys, and no tables.
	Unkeyed bool
	// Describe returns the schema of the key and the states that the operator declares.
	Describe func() (key string, states []checkpoint.State, err error)
	// Expiring are the states with a time-to-live, and the least of these; zero if there are none.
	Expiring func() (states []uint32, ttl time.Duration, err error)
	// Check holds the schemas that state was written with against the operator's.
	Check func(key string, states []checkpoint.State) (Fit, error)
}

// Fit says why an operator cannot read what a checkpoint has of it: its keys, and each of its states, in the order of
// the checkpoint; nil for what it can read, or does not declare.
type Fit struct {
	Key    error
	States []error
}

// planned asks a store that is never used, in which declare has declared the operator's states. As that is a call of the
// user's code it is made when the job is planned, and not for each manifest, beside tasks that run. What Check asks is
// another: it prepares itself for what it is asked about.
func planned[K comparable](name string, declare func(*stateOf[K]) error) *Planned {
	open := func() (s *stateOf[K], err error) {
		defer func() {
			if p := recover(); p != nil {
				err = base.Errorf(base.Config, "operator %q: its function panics when it declares its state: %v", name, p)
			}
		}()
		s, err = newStateOf[K](&Env{
			Context: context.Background(), UID: name, Name: name, Parallelism: 1, MaxParallelism: 1,
			Groups: base.KeyGroupRange{End: 1}, Stats: &Stats{},
		})
		if err == nil {
			err = declare(s)
		}
		return s, err
	}
	once := sync.OnceValues(open)
	return &Planned{
		Describe: func() (string, []checkpoint.State, error) {
			s, err := once()
			if err != nil {
				return "", nil, err
			}
			return s.describe()
		},
		Expiring: func() ([]uint32, time.Duration, error) {
			s, err := once()
			if err != nil {
				return nil, 0, err
			}
			return s.store.Expiring(), s.store.TTL(), nil
		},
		Check: func(key string, states []checkpoint.State) (f Fit, err error) {
			s, err := open()
			if err != nil {
				return f, err
			}
			f.Key = s.store.FitsKey(key)
			for _, w := range stateInfos(states) {
				f.States = append(f.States, s.store.Fits(w))
			}
			return f, nil
		},
	}
}
