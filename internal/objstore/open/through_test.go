package open

import (
	"path/filepath"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

type wrapped struct{ objstore.Store }

func TestAContextMayWrapTheStoresThatAreOpenedToWriteTo(t *testing.T) {
	place := t.TempDir()
	ctx := Through(t.Context(), func(s objstore.Store) objstore.Store { return wrapped{s} })
	s, err := Store(ctx, place)
	if _, ok := s.(wrapped); err != nil || !ok {
		t.Errorf("%T, %v", s, err)
	}
	s, err = Store(t.Context(), place)
	if _, ok := s.(wrapped); err != nil || ok {
		t.Errorf("without: %T, %v", s, err)
	}
	if s, err := Store(ctx, filepath.Join(place, "\x00")); err == nil || s != nil {
		t.Errorf("a place that cannot be opened: %T, %v", s, err)
	}
}
