package remote

import (
	"context"
	"fmt"
	"strings"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// explain turns the error of a request into one line. Errors that were no answer keep their chain.
func (s *Store) explain(ctx context.Context, request, name string, err error) error {
	what := fmt.Sprintf("%s %s/%s", request, s, name)
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	v := s.protocol.Judge(err)
	v.Code = OneLine(v.Code)
	switch {
	case v.Advice != nil && v.Code != "":
		return base.Errorf(base.Config, "%s: %s (%s): %s: %s", what, v.Advice.Meaning, v.Code, message(v), v.Advice.Remedy)
	case v.Advice != nil:
		return base.Errorf(base.Config, "%s: %s: %w: %s", what, v.Advice.Meaning, Line(err), v.Advice.Remedy)
	case v.Missing:
		return fmt.Errorf("%s: %w", what, objstore.ErrNotFound)
	case v.Code != "":
		return fmt.Errorf("%s: %s: %s", what, v.Code, message(v))
	}
	return fmt.Errorf("%s: %w", what, Line(err))
}

func message(v Verdict) string {
	if v.Message == "" {
		return fmt.Sprintf("status %d", v.Status)
	}
	return OneLine(v.Message)
}

// Line returns the error with a text of one line.
func Line(err error) error { return line{err} }

type line struct{ error }

func (l line) Error() string { return OneLine(l.error.Error()) }
func (l line) Unwrap() error { return l.error }

// OneLine replaces all white space by single spaces.
func OneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
