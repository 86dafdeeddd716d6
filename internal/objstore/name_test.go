package objstore

import (
	"strconv"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

func TestNamesOfObjectsAreTaken(t *testing.T) {
	for _, name := range []string{
		"a", "head", "a/b/c", "shards/0f/1-1-00000001.table", "day=2026-01-02/part-0", "UPPER_lower.9", "a.", "a..b",
		"-", "_", "=", "0",
		strings.Repeat("x/", 100) + "x",
	} {
		if err := CheckName(name); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatIsNotANameIsRefusedWithAReason(t *testing.T) {
	const element = "an element is empty or begins with a dot"
	for name, reason := range map[string]string{
		"":           element,
		"/":          element,
		"/a":         element,
		"a/":         element,
		"a//b":       element,
		".":          element,
		"..":         element,
		"../a":       element,
		"a/../b":     element,
		"a/./b":      element,
		".lock":      element,
		"a/.b":       element,
		"a b":        `it contains ' '`,
		`a\b`:        `it contains '\\'`,
		"a:b":        `it contains ':'`,
		"a*":         `it contains '*'`,
		"a\x00":      `it contains '\x00'`,
		"a\nb":       `it contains '\n'`,
		"a/b?":       `it contains '?'`,
		"caf\u00e9":  `it contains`,
		"a\xff":      `it contains`,
		"a/b/%2e%2e": `it contains '%'`,
	} {
		err := CheckName(name)
		if err == nil {
			t.Errorf("%q was taken", name)
			continue
		}
		for _, words := range []string{strconv.Quote(name), "is not the name of an object", reason} {
			if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), words) {
				t.Errorf("%q: %v (kind %v) does not say %s", name, err, base.KindOf(err), words)
			}
		}
	}
}

// Of all bytes, exactly the letters, the digits and a few signs may be in a name: none of them means anything
// to a file system, a shell or a URL.
func TestTheBytesOfNamesAreFew(t *testing.T) {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._=-"
	for b := range 256 {
		name := "a" + string([]byte{byte(b)}) + "b"
		want := strings.IndexByte(allowed+"/", byte(b)) >= 0
		if err := CheckName(name); (err == nil) != want {
			t.Errorf("%q: %v, taken should be %v", name, err, want)
		}
	}
}

func FuzzCheckName(f *testing.F) {
	for _, name := range []string{"a/b", "", "../x", ".x", "a//b", "ä"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckName(name) != nil {
			return
		}
		for element := range strings.SplitSeq(name, "/") {
			if element == "" || strings.HasPrefix(element, ".") || strings.ContainsAny(element, "\\:\x00 %") {
				t.Errorf("%q was taken", name)
			}
		}
	})
}
