package state

import "github.com/aquifer-stream/aquifer/internal/keyed"

// sum is an accumulator for each key, with or without a time-to-live.
type sum[A any] struct {
	plain *keyed.Sum[A]
	timed *keyed.TimedSum[A] // instead, with a time-to-live
	store keyed.Registry
}

func newSum[A any](s *Scope, name string, merge func(into, from *A), options []Option) (a sum[A], err error) {
	a.store = s.store
	if ttl, ok := ttlOf(options); ok {
		a.timed, err = keyed.NewTimedSum(s.store, name, ttl, merge)
	} else {
		a.plain, err = keyed.NewSum(s.store, name, merge)
	}
	return a, err
}

// part returns what is to be added to, and whether it has just been made. keep must follow.
func (a sum[A]) part(slot uint32) (acc *A, made bool, err error) {
	if a.timed != nil {
		return a.timed.Part(keyed.Slot(slot))
	}
	acc, made = a.plain.Part(keyed.Slot(slot))
	return acc, made, nil
}

func (a sum[A]) keep(acc *A) {
	if a.timed != nil {
		a.timed.Keep(acc)
	} else {
		a.plain.Keep(acc)
	}
}

func (a sum[A]) get(slot uint32) (acc *A, ok bool, err error) {
	if a.timed != nil {
		return a.timed.Get(keyed.Slot(slot))
	}
	return a.plain.Get(keyed.Slot(slot))
}

func (a sum[A]) clear(slot uint32) error {
	if a.timed != nil {
		return a.timed.Clear(keyed.Slot(slot))
	}
	return a.plain.Clear(keyed.Slot(slot))
}

func (a sum[A]) want(ahead *keyed.Ahead, s keyed.Slot) {
	if a.timed != nil {
		a.timed.Want(ahead, s)
	} else {
		a.plain.Want(ahead, s)
	}
}
