package mem

import (
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/objstoretest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	objstoretest.Run(t, func(*testing.T) objstore.Store { return New() })
}

func TestACloneSharesNothing(t *testing.T) {
	s := New()
	if err := s.PutIfAbsent(t.Context(), "x", []byte("1")); err != nil {
		t.Fatal(err)
	}
	c := s.Clone()
	if err := s.Delete(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	if data, _, err := c.Get(t.Context(), "x"); err != nil || string(data) != "1" {
		t.Errorf("%q, %v", data, err)
	}
}
