package s3

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// A request is sent at most this often. With the pauses below that is some ten seconds, long enough for a server
// to be restarted and short enough to learn that an address is wrong.
const attempts = 10

const (
	shortestPause = 50 * time.Millisecond  // before the second attempt, on average half of it
	throttlePause = 500 * time.Millisecond // the same, when the store asks for fewer requests
	longestPause  = 5 * time.Second
)

// newRetryer repeats requests that failed for a moment. No budget is shared by the requests: a job has nothing
// better to do than to wait for its store.
func newRetryer() aws.RetryerV2 {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts
		o.RateLimiter = ratelimit.None
		o.Backoff = retry.BackoffDelayerFunc(pause)
		o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(momentary)}, o.Retryables...)
	})
}

// momentary adds to what the library repeats: the conflict with a request at the same time, and answers that stall
// or are cut off.
func momentary(err error) aws.Ternary {
	if errors.Is(err, errStalled) || errors.Is(err, io.ErrUnexpectedEOF) ||
		code(err) == "ConditionalRequestConflict" || code(err) == "OperationAborted" {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

// pause is the time to wait after an attempt (1, 2, …): random, up to a bound that doubles.
func pause(attempt int, err error) (time.Duration, error) {
	bound := shortestPause
	if status(err) == http.StatusServiceUnavailable || status(err) == http.StatusTooManyRequests {
		bound = throttlePause
	}
	bound = min(bound<<min(max(attempt-1, 0), 16), longestPause)
	return rand.N(bound) + time.Millisecond, nil
}

// witness is a retryer of one request that remembers whether an attempt may have been carried out although it
// failed.
type witness struct {
	aws.RetryerV2
	unclear bool
}

// IsErrorRetryable implements aws.Retryer. It is called with the error of every attempt, one after the other.
func (w *witness) IsErrorRetryable(err error) bool {
	w.unclear = w.unclear || !refused(err)
	return w.RetryerV2.IsErrorRetryable(err)
}

// refused reports whether a failed attempt has changed nothing for sure: the server said so, or was not reached.
func refused(err error) bool {
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return true
	}
	s := status(err)
	return s >= 400 && s < 500 || s == http.StatusServiceUnavailable && code(err) == "SlowDown"
}

// status returns the status of the answer that became an error, or 0 if there was none.
func status(err error) int {
	if answer, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && answer.Response != nil {
		return answer.HTTPStatusCode()
	}
	return 0
}
