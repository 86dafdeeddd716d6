package control

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
)

const (
	// patience is for how long a job that tells of itself may keep its reader waiting.
	patience = 3 * time.Second
	// longestAnswer bounds what is read of one in bytes.
	longestAnswer = 16 << 20
)

// Client asks the job at a socket. It is safe for concurrent use.
type Client struct{ socket string }

// List returns the jobs of this user that answer, by name and start, and removes sockets of processes that were killed.
func List(ctx context.Context) []Job {
	var mu sync.Mutex
	var jobs []Job
	var group sync.WaitGroup
	for _, dir := range directories() {
		for _, path := range sockets(dir) {
			group.Go(func() {
				if removeStale(path) {
					return
				}
				if j, err := (Client{path}).Job(ctx); err == nil {
					mu.Lock()
					defer mu.Unlock()
					jobs = append(jobs, j)
				}
			})
		}
	}
	group.Wait()
	slices.SortFunc(jobs, func(a, b Job) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Started, b.Started), strings.Compare(a.Socket, b.Socket))
	})
	return jobs
}

// Find returns a client of the job with a name, or with a socket at a path. That there is none, or more than one, is an
// error of kind base.Config.
func Find(ctx context.Context, which string) (Client, error) {
	if info, err := os.Stat(which); err == nil && info.Mode()&os.ModeSocket != 0 {
		return Client{which}, nil
	}
	var found, others []string
	for _, j := range List(ctx) {
		if j.Name == which {
			found = append(found, j.Socket)
		} else {
			others = append(others, j.Name)
		}
	}
	switch {
	case len(found) == 1:
		return Client{found[0]}, nil
	case len(found) > 1:
		return Client{}, base.Errorf(base.Config, "%d jobs are named %q: name the socket of one of them, %s",
			len(found), which, strings.Join(found, ", "))
	case len(others) == 0:
		return Client{}, base.Errorf(base.Config, "no job %q runs, nor any other", which)
	}
	return Client{}, base.Errorf(base.Config, "no job %q runs: there is %s", which, strings.Join(slices.Compact(others), ", "))
}

// Job returns what the job tells of itself.
func (c Client) Job(ctx context.Context) (Job, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return ask[Job](ctx, c, http.MethodGet, "/v1/job")
}

// Checkpoint has the job take a checkpoint and waits for it.
func (c Client) Checkpoint(ctx context.Context) (Taken, error) {
	return ask[Taken](ctx, c, http.MethodPost, "/v1/checkpoint")
}

// Savepoint has the job take a savepoint and waits for it.
func (c Client) Savepoint(ctx context.Context) (Taken, error) {
	return ask[Taken](ctx, c, http.MethodPost, "/v1/savepoint")
}

// Stop ends the job after a checkpoint or a savepoint, and waits for its end.
func (c Client) Stop(ctx context.Context, savepoint bool) (Outcome, error) {
	if savepoint {
		return ask[Outcome](ctx, c, http.MethodPost, "/v1/stop?savepoint=true")
	}
	return ask[Outcome](ctx, c, http.MethodPost, "/v1/stop")
}

// Cancel ends the job at once and waits for its end.
func (c Client) Cancel(ctx context.Context) (Outcome, error) {
	return ask[Outcome](ctx, c, http.MethodPost, "/v1/cancel")
}

// ask makes a request and decodes the answer.
func ask[T any](ctx context.Context, c Client, method, page string) (answer T, err error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://job"+page, nil)
	if err != nil {
		return answer, err
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", c.socket)
	}}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return answer, fmt.Errorf("the job at %s does not answer: %w", c.socket, err)
	}
	defer response.Body.Close()
	body := json.NewDecoder(io.LimitReader(response.Body, longestAnswer))
	if response.StatusCode == http.StatusOK {
		if err := body.Decode(&answer); err != nil {
			return answer, fmt.Errorf("the answer of the job at %s cannot be read: %w", c.socket, err)
		}
		return answer, nil
	}
	var f failure
	if body.Decode(&f) != nil || f.Error == "" {
		return answer, fmt.Errorf("the job at %s answers %s: it may be of another version", c.socket, response.Status)
	}
	return answer, errors.New(f.Error)
}
