package metered

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// Operation is a kind of request.
type Operation uint8

// The kinds of requests.
const (
	Read Operation = iota
	Get
	Stat
	Create // the begin of an object
	Write  // a part of it
	Finish // its end
	Put
	Swap
	List
	Delete
	operations
)

var names = [operations]string{"read", "get", "stat", "create", "write", "finish", "put", "swap", "list", "delete"}

// String is the name of the operation, as the label of its metrics has it.
func (o Operation) String() string { return names[o] }

// bounds are those of the histograms, the last bucket excepted: from a page in memory to a store in trouble.
var bounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second,
}

// counter counts the requests of one kind. They are the sum of the buckets.
type counter struct {
	failed  atomic.Int64
	nanos   atomic.Int64
	buckets [len(bounds) + 1]atomic.Int64
}

// add counts a request that has just been answered.
func (c *counter) add(begin time.Time, err error) {
	took := time.Since(begin)
	i := 0
	for i < len(bounds) && took > bounds[i] {
		i++
	}
	c.buckets[i].Add(1)
	c.nanos.Add(int64(took))
	if err != nil && !isAnswer(err) {
		c.failed.Add(1)
	}
}

// isAnswer reports whether an error says something of the objects, or of who asks, and not of the store.
func isAnswer(err error) bool {
	return errors.Is(err, objstore.ErrNotFound) || errors.Is(err, objstore.ErrExists) ||
		errors.Is(err, objstore.ErrChanged) || errors.Is(err, objstore.ErrLocked) || errors.Is(err, context.Canceled)
}
