package control

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/aquifer-stream/aquifer/internal/base"
)

const (
	// Auto is the path of a socket that gets a name of its own in the user's directory.
	Auto = "auto"
	// None is the path of no socket.
	None = "none"

	suffix = ".sock"
	// longestPath is how many bytes the path of a socket may have on every system; Linux takes 107.
	longestPath = 103
)

// directories are where jobs of this user are, by preference: that of the session, and one that is always there. A job
// that a service manager started may have no session.
func directories() (all []string) {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			all = append(all, filepath.Join(dir, "aquifer"))
		}
	}
	if dir, err := os.UserCacheDir(); err == nil {
		all = append(all, filepath.Join(dir, "aquifer", "run"))
	}
	return all
}

// choose returns a path for a job's socket that no other process has, in the first directory that can be used.
func choose(job string) (string, error) {
	dir, err := private()
	if err != nil {
		return "", err
	}
	for _, path := range sockets(dir) {
		removeStale(path)
	}
	unique, err := token()
	name := plain(job)
	room := max(0, longestPath-len(dir)-len("/-")-len(unique)-len(suffix))
	return filepath.Join(dir, name[:min(len(name), 32, room)]+"-"+unique+suffix), err
}

// private makes a directory for sockets that nobody else can look into.
func private() (dir string, err error) {
	err = errors.New("neither XDG_RUNTIME_DIR nor HOME is set")
	for _, dir := range directories() {
		if err = makePrivate(dir); err == nil {
			return dir, nil
		}
	}
	return "", err
}

func makePrivate(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.Chmod(dir, 0o700)
}

// plain is a job's name as part of the name of a file.
func plain(job string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
			return r
		}
		return '_'
	}, strings.TrimLeft(job, "."))
}

// token is different at each call, in any process.
func token() (string, error) {
	var random [4]byte
	_, err := rand.Read(random[:])
	return hex.EncodeToString(random[:]), err
}

// sockets are those in a directory.
func sockets(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // nobody has made it yet
	}
	var all []string
	for _, e := range entries {
		if e.Type()&fs.ModeSocket != 0 && strings.HasSuffix(e.Name(), suffix) && !strings.HasPrefix(e.Name(), ".") {
			all = append(all, filepath.Join(dir, e.Name()))
		}
	}
	return all
}

// removeStale removes a socket that nobody serves, and reports whether the path is free.
func removeStale(path string) bool {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	if err != nil || info.Mode()&fs.ModeSocket == 0 {
		return false
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		c.Close()
		return false
	}
	return errors.Is(err, syscall.ECONNREFUSED) && os.Remove(path) == nil
}

// listen serves the path from now on. It is bound under another name and then renamed: whoever finds a socket that does
// not answer may take it for a stale one.
func listen(path string) (*net.UnixListener, error) {
	if len(path) > longestPath {
		return nil, base.Errorf(base.Config, "control socket %s: its path has %d bytes, and at most %d are possible: "+
			"choose a shorter one", path, len(path), longestPath)
	}
	if !removeStale(path) {
		return nil, base.Errorf(base.Config, "control socket %s: the path is in use: choose another one", path)
	}
	unique, err := token()
	if err != nil {
		return nil, err
	}
	bound := filepath.Join(filepath.Dir(path), "."+unique)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: bound, Net: "unix"})
	if err != nil {
		return nil, base.Errorf(base.Config, "control socket %s: %w: choose a path in a directory that can be written to",
			path, err)
	}
	l.SetUnlinkOnClose(false)
	if err = os.Chmod(bound, 0o600); err == nil {
		err = os.Rename(bound, path)
	}
	if err != nil {
		return nil, errors.Join(base.Errorf(base.Config, "control socket %s: %w", path, err), l.Close(), os.Remove(bound))
	}
	return l, nil
}
