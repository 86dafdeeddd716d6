package main

import (
	"path/filepath"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/file"
	"github.com/aquifer-stream/aquifer/window"
)

const (
	// sessionGap is the silence that ends a session.
	sessionGap = 30 * time.Minute
	// disorder is how far lines may be out of order: the server logs a request when it has been answered.
	disorder = time.Minute
	topPages = 10
)

// build describes the job.
func build(job *aquifer.Job, input, output string) error {
	requests := aquifer.From(job, "log", file.Decode(input, parse),
		aquifer.EventTime(func(r *Request) int64 { return r.Time }, disorder))
	aquifer.To(sessions(requests), "sessions-out", file.WriteNDJSON[Session](filepath.Join(output, "sessions")))
	aquifer.To(ranks(requests), "top-out", file.WriteNDJSON[Rank](filepath.Join(output, "top")))
	return nil
}

// sessions are what clients did without a long silence.
func sessions(requests aquifer.Stream[Request]) aquifer.Stream[Session] {
	byClient := aquifer.KeyBy(requests, func(r *Request) string { return r.Client })
	return aquifer.Map(aquifer.Aggregate(byClient, "sessions", window.Session(sessionGap), visit), newSession)
}

// ranks are the most requested pages of each hour.
func ranks(requests aquifer.Stream[Request]) aquifer.Stream[Rank] {
	byPage := aquifer.KeyBy(requests, func(r *Request) string { return r.Page })
	views := aquifer.Aggregate(byPage, "views", window.Tumbling(time.Hour), aquifer.Count[Request]())
	byHour := aquifer.KeyBy(views, func(v *Views) int64 { return v.Start })
	return aquifer.Process(byHour, "top", newTop)
}

// Visit is what is summed up over a session.
type Visit struct{ Pages, Bytes int64 }

var visit = aquifer.Aggregator[Request, Visit, Visit]{
	Add:    func(v *Visit, r *Request) { v.Pages, v.Bytes = v.Pages+1, v.Bytes+r.Bytes },
	Merge:  func(into, from *Visit) { into.Pages, into.Bytes = into.Pages+from.Pages, into.Bytes+from.Bytes },
	Result: func(v *Visit) Visit { return *v },
}

// Session is a row of the first result.
type Session struct {
	Client string    `json:"client"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Pages  int64     `json:"pages"`
	Bytes  int64     `json:"bytes"`
}

func newSession(w *aquifer.Windowed[string, Visit]) Session {
	return Session{
		Client: w.Key, Pages: w.Value.Pages, Bytes: w.Value.Bytes,
		From: time.UnixMilli(w.Start).UTC(), To: time.UnixMilli(w.End).Add(-sessionGap).UTC(),
	}
}
