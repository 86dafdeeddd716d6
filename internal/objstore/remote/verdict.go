package remote

import (
	"errors"
	"io"
	"net"
	"net/http"
)

// Verdict is what the error of a request means.
type Verdict struct {
	Status        int    // of the answer; 0: there was none
	Code, Message string // the server's
	Advice        *Advice
	Missing       bool // there is no such object or upload
	Changed       bool // the condition of a write did not hold
	Momentary     bool // repeating may help
	Busy          bool // the server asks for fewer requests
	Nothing       bool // for sure, nothing was changed
}

// Advice is what an error that repeating cannot help means, and what to do.
type Advice struct{ Meaning, Remedy string }

// Advise returns an advice.
func Advise(meaning, remedy string) *Advice { return &Advice{meaning, remedy} }

// Judge is the verdict on an error that came with an answer of a status, or with none (0), as far as all protocols
// agree.
func Judge(err error, status int) Verdict {
	if status == 0 {
		return Verdict{Momentary: interrupted(err), Nothing: unreached(err)}
	}
	v := Verdict{Status: status, Missing: status == http.StatusNotFound, Changed: status == http.StatusPreconditionFailed}
	switch status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		v.Momentary, v.Busy = true, true
	case http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		v.Momentary = true
	}
	v.Nothing = status >= 400 && status < 500 && status != http.StatusRequestTimeout
	return v
}

// interrupted reports whether a connection failed, stalled or broke.
func interrupted(err error) bool {
	_, network := errors.AsType[net.Error](err)
	_, without := errors.AsType[unanswered](err)
	return network || without || errors.Is(err, ErrStalled) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

// unreached reports that there was not even a connection.
func unreached(err error) bool {
	dial, ok := errors.AsType[*net.OpError](err)
	return ok && dial.Op == "dial"
}
