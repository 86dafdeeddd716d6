package metered

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/aquifer-stream/aquifer/internal/metric"
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

// counter counts the requests of one kind.
type counter struct {
	failed atomic.Int64
	times  metric.Times
}

// add counts a request that has just been answered.
func (c *counter) add(begin time.Time, err error) {
	c.times.Add(time.Since(begin))
	if err != nil && !isAnswer(err) {
		c.failed.Add(1)
	}
}

// isAnswer reports whether an error says something of the objects, or of who asks, and not of the store.
func isAnswer(err error) bool {
	return errors.Is(err, objstore.ErrNotFound) || errors.Is(err, objstore.ErrExists) ||
		errors.Is(err, objstore.ErrChanged) || errors.Is(err, objstore.ErrLocked) || errors.Is(err, context.Canceled)
}
