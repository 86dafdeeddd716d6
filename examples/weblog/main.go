// Command weblog reads a web server's access log and writes two results: the sessions of every client (a
// session ends after 30 minutes without a request) with their pages and bytes, and the ten most requested
// pages of every hour.
//
//	go run ./examples/weblog --state weblog-state
//
// The results are in weblog-out/sessions and weblog-out/top, as lines of JSON. Interrupt it and start it
// again: it goes on where it was, and every line is there once.
package main

import (
	"cmp"
	"os"

	"github.com/aquifer-stream/aquifer"
)

func main() {
	input := cmp.Or(os.Getenv("WEBLOG_INPUT"), "examples/weblog/testdata/access.log.gz")
	output := cmp.Or(os.Getenv("WEBLOG_OUTPUT"), "weblog-out")
	aquifer.Main(func(job *aquifer.Job) error { return build(job, input, output) })
}
