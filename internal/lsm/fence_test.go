package lsm

import "testing"

func TestAFenceIsPassedWhenAllReadsBeforeItHaveEnded(t *testing.T) {
	var r reads
	want := func(what string, passed func() bool, want bool) {
		t.Helper()
		if passed() != want {
			t.Errorf("%s: passed %v", what, !want)
		}
	}
	want("without a read", r.fence(), true)
	first, second := r.begin(), r.begin()
	one := r.fence()
	third := r.begin()
	two := r.fence()
	later := r.begin()
	want("two reads before it", one, false)
	first()
	want("one read before it", one, false)
	second()
	want("reads behind it", one, true)
	want("a read between the fences", two, false)
	third()
	want("a read behind both", two, true)
	later()
	if len(r.begun) > 0 {
		t.Errorf("%v", r.begun)
	}
}

func TestReadsAndScansHoldUpFences(t *testing.T) {
	_, s, keys := broad(t, 2)
	var passed []func() bool
	during := func() {
		f := s.Fence()
		if passed = append(passed, f); f() {
			t.Error("a fence is passed during a read")
		}
	}
	must(t, s.Scan(t.Context(), all, func(_, _ []byte) error { during(); return nil }))
	must(t, s.Read(t.Context(), keys, func(int, []byte) error { during(); return nil }))
	for i, f := range passed {
		if !f() {
			t.Errorf("fence %d is not passed behind the reads", i)
		}
	}
	if len(passed) != 4 {
		t.Errorf("%d reads", len(passed))
	}
}
