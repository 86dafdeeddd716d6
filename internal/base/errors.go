package base

import (
	"errors"
	"fmt"
)

// Kind says what an error asks of whoever sees it. There are few, so that each caller can name all.
type Kind uint8

const (
	// Failed is every error without a kind: the job fails, and may be restarted from its last checkpoint.
	Failed Kind = iota
	// Config is a mistake in usage, configuration or the program: retrying cannot help. Checkpoints stay as they are.
	Config
	// Corrupt is stored data that does not match its checksum or format.
	Corrupt
)

type kinded struct {
	kind Kind
	err  error
}

func (k *kinded) Error() string { return k.err.Error() }
func (k *kinded) Unwrap() error { return k.err }

// Errorf is fmt.Errorf with a kind, found again by [KindOf].
func Errorf(kind Kind, format string, args ...any) error {
	return &kinded{kind, fmt.Errorf(format, args...)}
}

// KindOf returns the kind of the outermost error in the chain that has one, or Failed.
func KindOf(err error) Kind {
	if k, ok := errors.AsType[*kinded](err); ok {
		return k.kind
	}
	return Failed
}
