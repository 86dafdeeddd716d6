package main

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Request is a line of the log.
type Request struct {
	Time   int64 // milliseconds since 1970 UTC
	Client string
	Page   string
	Bytes  int64
}

// combined is the "combined" log format of the Apache server, as far as it is needed.
var combined = regexp.MustCompile(`^(\S+) \S+ \S+ \[([^\]]+)\] "\S+ (\S+)[^"]*" \d{3} (\d+|-)`)

// parse decodes a line.
func parse(line []byte, r *Request) error {
	m := combined.FindSubmatch(line)
	if m == nil {
		return fmt.Errorf("not a line of the combined log format")
	}
	at, err := time.Parse("02/Jan/2006:15:04:05 -0700", string(m[2]))
	if err != nil {
		return err
	}
	*r = Request{Time: at.UnixMilli(), Client: string(m[1]), Page: string(m[3])}
	if string(m[4]) != "-" {
		r.Bytes, err = strconv.ParseInt(string(m[4]), 10, 64)
	}
	return err
}
