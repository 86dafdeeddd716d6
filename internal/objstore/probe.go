package objstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// The promises that Probe checks, as its errors name them.
const (
	promisePut    = "put-if-absent"
	promiseSwap   = "compare-and-swap"
	promiseRead   = "read-after-write"
	promiseList   = "list-after-write"
	promiseDelete = "delete"
)

// ProbePrefix is what the names of all objects of Probe begin with. A process that dies while it probes leaves one.
const ProbePrefix = "probe/"

const (
	probeWriters = 4                // of one object at the same time
	probeCleanup = 10 * time.Second // for removing the object when the context has ended
)

// Probe checks that a store keeps the promises on which state rests, with an object of a random name beneath
// probe/ that it removes at the end. A store that breaks one is refused with an error of kind base.Config that
// names the promise; a request that fails is an error as it is.
func Probe(ctx context.Context, s Store) error {
	p := &prober{s, ProbePrefix + rand.Text()}
	err := p.run(ctx)
	if err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeCleanup)
		defer cancel()
		_ = s.Delete(ctx, p.name) // what it says may be what is wrong with the store
	}
	return err
}

// prober probes a store with the object of a name.
type prober struct {
	store Store
	name  string
}

func (p *prober) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{p.puts, p.reads, p.swaps, p.lists, p.deletes} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// broken is the refusal of a store.
func (p *prober) broken(promise, format string, args ...any) error {
	return base.Errorf(base.Config, "%s does not keep the promise of %s (%s of %s): use another store",
		p.store, promise, fmt.Sprintf(format, args...), p.name)
}

// race lets writers write at the same time and checks that one of them succeeds, whose content it returns.
func (p *prober) race(
	promise string, refusal error, write func(content []byte) error,
) (content []byte, err error) {
	var group sync.WaitGroup
	errs := make([]error, probeWriters)
	for i := range errs {
		group.Go(func() { errs[i] = write(contentOf(i)) })
	}
	group.Wait()
	winners := 0
	for i, err := range errs {
		switch {
		case err == nil:
			content, winners = contentOf(i), winners+1
		case !errors.Is(err, refusal):
			return nil, err
		}
	}
	if winners != 1 {
		return nil, p.broken(promise, "%d of %d concurrent writes succeeded", winners, probeWriters)
	}
	return content, nil
}

func contentOf(writer int) []byte { return fmt.Appendf(nil, "written by %d", writer) }

// puts checks that one of several puts succeeds, and that it is the one that is read.
func (p *prober) puts(ctx context.Context) error {
	content, err := p.race(promisePut, ErrExists, func(content []byte) error {
		return p.store.PutIfAbsent(ctx, p.name, content)
	})
	if err != nil {
		return err
	}
	_, err = p.holds(ctx, promisePut, content)
	return err
}

// holds checks what a get returns.
func (p *prober) holds(ctx context.Context, promise string, want []byte) (Version, error) {
	got, v, err := p.store.Get(ctx, p.name)
	if errors.Is(err, ErrNotFound) {
		return "", p.broken(promiseRead, "a get finds nothing")
	}
	if err == nil && !bytes.Equal(got, want) {
		err = p.broken(promise, "a get returns other bytes than were written")
	}
	return v, err
}

// reads checks the other ways to read.
func (p *prober) reads(ctx context.Context) error {
	want := contentOf(0)
	o, err := p.store.Stat(ctx, p.name)
	if err == nil && o.Size != int64(len(want)) {
		err = p.broken(promiseRead, "the size is %d, not %d,", o.Size, len(want))
	}
	if err != nil {
		return err
	}
	const from, to = 2, 7
	part := make([]byte, to-from)
	if err := p.store.ReadAt(ctx, p.name, part, from); err != nil {
		return err
	}
	if !bytes.Equal(part, want[from:to]) {
		return p.broken(promiseRead, "a read of a part returns other bytes")
	}
	return nil
}

// swaps checks that one of several swaps from a version succeeds, and none from a version that is gone.
func (p *prober) swaps(ctx context.Context) error {
	_, old, err := p.store.Get(ctx, p.name)
	if err != nil {
		return err
	}
	content, err := p.race(promiseSwap, ErrChanged, func(content []byte) error {
		_, err := p.store.Swap(ctx, p.name, old, append(content, " again"...))
		return err
	})
	if err != nil {
		return err
	}
	for _, gone := range []Version{old, ""} {
		if _, err := p.store.Swap(ctx, p.name, gone, nil); err == nil {
			return p.broken(promiseSwap, "a swap from version %q succeeded", gone)
		} else if !errors.Is(err, ErrChanged) {
			return err
		}
	}
	_, err = p.holds(ctx, promiseSwap, append(content, " again"...))
	return err
}

// lists checks that the object is listed once, with its size.
func (p *prober) lists(ctx context.Context) error {
	want := Object{p.name, int64(len(contentOf(0)) + len(" again"))}
	found, err := p.listed(ctx)
	if err == nil && (len(found) != 1 || found[0] != want) {
		err = p.broken(promiseList, "it is listed as %v, not as %v: a list", found, want)
	}
	return err
}

func (p *prober) listed(ctx context.Context) (found []Object, err error) {
	for o, err := range p.store.List(ctx, p.name) {
		if err != nil {
			return nil, err
		}
		found = append(found, o)
	}
	return found, nil
}

// deletes checks that the object is gone when it is deleted, and that it can be deleted again.
func (p *prober) deletes(ctx context.Context) error {
	for range 2 {
		if err := p.store.Delete(ctx, p.name); err != nil {
			return err
		}
	}
	if _, _, err := p.store.Get(ctx, p.name); err == nil {
		return p.broken(promiseDelete, "a get finds it after a delete")
	} else if !errors.Is(err, ErrNotFound) {
		return err
	}
	found, err := p.listed(ctx)
	if err == nil && len(found) > 0 {
		err = p.broken(promiseDelete, "a list shows it after a delete")
	}
	return err
}
