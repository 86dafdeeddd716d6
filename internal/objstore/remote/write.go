package remote

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// PutIfAbsent implements objstore.Store.
func (s *Store) PutIfAbsent(ctx context.Context, name string, data []byte) error {
	if err := s.checkWrite(ctx, name); err != nil {
		return err
	}
	_, err := s.put(ctx, name, "", data, objstore.ErrExists)
	return err
}

// Swap implements objstore.Store.
func (s *Store) Swap(
	ctx context.Context, name string, old objstore.Version, data []byte,
) (objstore.Version, error) {
	if err := s.checkWrite(ctx, name); err != nil {
		return "", err
	}
	return s.put(ctx, name, old, data, objstore.ErrChanged)
}

// put writes an object of any name if it is at version old, or fails with the error for objects that are not.
func (s *Store) put(
	ctx context.Context, name string, old objstore.Version, data []byte, refusal error,
) (version objstore.Version, err error) {
	token := rand.Text()
	unclear, err := s.repeat(ctx, func() (err error) {
		version, err = s.protocol.Put(ctx, s.key(name), old, token, data)
		return err
	})
	if err == nil {
		return version, nil
	}
	// Of what is missing there is nothing to be at any version.
	if v := s.protocol.Judge(err); v.Advice != nil || !v.Changed && (old == "" || !v.Missing) {
		refusal = nil
	}
	return s.settle(ctx, s.Requests.Put, name, token, unclear, refusal, err)
}

// settle finds out what became of a conditional write that failed with err. The refusal is the error of the
// contract if the last answer was that the condition does not hold. Only if no attempt can have been carried out,
// that answer is the truth; otherwise the writer's own earlier attempt may be what it speaks of.
func (s *Store) settle(
	ctx context.Context, request, name, token string, unclear bool, refusal, err error,
) (objstore.Version, error) {
	if refusal != nil && !unclear {
		return "", fmt.Errorf("%s %s/%s: %w", request, s, name, refusal)
	}
	if !unclear || ctx.Err() != nil {
		return "", s.explain(ctx, request, name, err)
	}
	h, stat := s.head(ctx, name)
	if stat == nil && h.Token == token {
		return h.Version, nil
	}
	if refusal != nil {
		return "", fmt.Errorf("%s %s/%s: the answer was lost, and then another writer was there: "+
			"whether this write took effect is unknown", request, s, name)
	}
	return "", s.explain(ctx, request, name, err)
}
