package main

import (
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/aqtest"
)

// at is a request of a client for a page, so many minutes after the begin of the log.
func at(minutes int64, client, page string) aqtest.Step[Request] {
	when := begin.Add(time.Duration(minutes) * time.Minute).UnixMilli()
	return aqtest.At(when, Request{Time: when, Client: client, Page: page, Bytes: 100})
}

func complete(minutes int64) aqtest.Step[Request] {
	return aqtest.Watermark[Request](begin.Add(time.Duration(minutes) * time.Minute).UnixMilli())
}

// log has a session that is one because of a request out of order, a request that is too late for its hour but begins a
// session, and one that is too late for both.
var log = []aqtest.Step[Request]{
	at(0, "ann", "/"), at(50, "ann", "/about"), at(25, "ann", "/"), complete(40), at(31, "bob", "/"),
	complete(90), at(81, "ann", "/"), complete(120), at(3, "ann", "/late"), at(130, "bob", "/"),
}

func TestSessionsAndRanksAreThoseOfTheGoldenFilesWhateverHappens(t *testing.T) {
	aqtest.Golden(t, "testdata/golden/sessions.ndjson", aqtest.Survives(t,
		func(job *aqtest.Job) aquifer.Stream[Session] { return sessions(aqtest.From(job, "log", log...)) }))
	aqtest.Golden(t, "testdata/golden/ranks.ndjson", aqtest.Survives(t,
		func(job *aqtest.Job) aquifer.Stream[Rank] { return ranks(aqtest.From(job, "log", log...)) }))
}
