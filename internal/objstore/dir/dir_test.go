package dir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/objstoretest"
)

// A child process of the test writes objects until it is killed.
func TestMain(m *testing.M) {
	if root := os.Getenv("DIR_TEST_WRITER"); root != "" {
		writeForEver(root)
	}
	os.Exit(m.Run())
}

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestADirectoryKeepsTheContract(t *testing.T) {
	objstoretest.Run(t, func(t *testing.T) objstore.Store { return open(t, t.TempDir()) })
}

func TestTwoHandlesOfOneDirectoryAreOneStore(t *testing.T) {
	path := t.TempDir()
	a, b := open(t, path), open(t, path)
	if err := a.PutIfAbsent(t.Context(), "x", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if err := b.PutIfAbsent(t.Context(), "x", []byte("2")); !errors.Is(err, objstore.ErrExists) {
		t.Errorf("%v", err)
	}
	release, err := a.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := release(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := b.Lock(t.Context()); !errors.Is(err, objstore.ErrLocked) || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
}

func TestAPlaceThatCannotBeADirectoryIsAConfigurationError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file); base.KindOf(err) != base.Config || !strings.Contains(err.Error(), file) {
		t.Errorf("%v", err)
	}
	if _, err := Existing(filepath.Join(file, "none")); base.KindOf(err) != base.Config {
		t.Errorf("%v", err)
	}
}

// payload is what the object with a number holds.
func payload(n int) []byte { return bytes.Repeat(fmt.Appendf(nil, "%09d\n", n), 1000) }

func writeForEver(root string) {
	s, err := Open(root)
	if err != nil {
		panic(err)
	}
	for n := 0; ; n++ {
		w, err := s.Create(context.Background(), fmt.Sprintf("d%d/object-%09d", n%7, n))
		if err != nil {
			panic(err)
		}
		if _, err := w.Write(payload(n)); err != nil {
			panic(err)
		}
		if err := w.Finish(); err != nil {
			panic(err)
		}
		fmt.Println(n)
	}
}

func TestAfterAKillEveryObjectIsWholeAndTheRestIsSwept(t *testing.T) {
	path := t.TempDir()
	done := killWriter(t, path, 20)
	s := open(t, path)
	release, err := s.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := release(); err != nil {
			t.Error(err)
		}
	}()
	there := map[string]bool{}
	for o, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		there[o.Name] = true
		data, _, err := s.Get(t.Context(), o.Name)
		var d, n int
		_, scanErr := fmt.Sscanf(o.Name, "d%d/object-%d", &d, &n)
		if err != nil || scanErr != nil || !bytes.Equal(data, payload(n)) {
			t.Errorf("%s is not whole: %d bytes, %v %v", o.Name, len(data), err, scanErr)
		}
	}
	for n := range done {
		if name := fmt.Sprintf("d%d/object-%09d", n%7, n); !there[name] {
			t.Errorf("%s, which had been finished, is missing", name)
		}
	}
	left, err := os.ReadDir(filepath.Join(path, tmpDir))
	if err != nil || len(left) > 0 {
		t.Errorf("%d files are left in %s, %v", len(left), tmpDir, err)
	}
}

// killWriter lets a child finish some objects, kills it, and returns how many it had said to be finished.
func killWriter(t *testing.T, path string, least int) int {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "DIR_TEST_WRITER="+path)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	watchdog := time.AfterFunc(time.Minute, func() { _ = c.Process.Kill() })
	defer watchdog.Stop()
	done := 0
	for n := -1; done < least; done = n + 1 {
		if _, err := fmt.Fscan(out, &n); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // it says that it was killed
	return done
}
