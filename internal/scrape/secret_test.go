package scrape

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

func mustRead(t *testing.T, text string) Secret {
	t.Helper()
	s, err := ReadSecret(fileWith(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestALineWithAColonIsAUserAndAPasswordAndOneWithoutAToken(t *testing.T) {
	token := func(header string) *http.Request {
		return &http.Request{Header: http.Header{"Authorization": {header}}}
	}
	user := func(name, password string) *http.Request {
		r := token("")
		r.SetBasicAuth(name, password)
		return r
	}
	for _, c := range []struct {
		file  string
		shown *http.Request
		want  bool
	}{
		{"abc", token("Bearer abc"), true},
		{"abc\n", token("bearer abc"), true},
		{"abc\r\n", token("Bearer abc"), true},
		{"abc", token("Bearer abcd"), false},
		{"abc", token("Bearer ab"), false},
		{"abc", token("Bearer "), false},
		{"abc", token("Basic abc"), false},
		{"abc", token("abc"), false},
		{"abc", token(""), false},
		{"ann:s3 cret:x", user("ann", "s3 cret:x"), true},
		{"ann:söcret\n", user("ann", "söcret"), true},
		{"ann:secret", user("ann", "secre"), false},
		{"ann:secret", user("bob", "secret"), false},
		{"ann:secret", user("ann", ""), false},
		{"ann:secret", token("Bearer ann:secret"), false},
	} {
		if got := mustRead(t, c.file).Shown(c.shown); got != c.want {
			t.Errorf("%q shows %q: %v", c.shown.Header, c.file, got)
		}
	}
}

func TestAFileThatHasNoCredentialsIsRefusedAndNotShown(t *testing.T) {
	for _, text := range []string{
		"", "\n", "hush hush", "hush\thush", "hushä", "hush\nhush", "ann:", ":hush", ":", "ann:hu\nsh", "ann:hush\x00",
		strings.Repeat("hush", longestCredentials/4) + "!", strings.Repeat("\n", longestCredentials+1),
	} {
		_, err := ReadSecret(fileWith(t, text))
		if base.KindOf(err) != base.Config {
			t.Errorf("%.20q: %v", text, err)
			continue
		}
		if strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	missing := "/does/not/exist"
	if _, err := ReadSecret(missing); base.KindOf(err) != base.Config || !strings.Contains(err.Error(), missing) {
		t.Error(err)
	}
	if _, err := ReadSecret(t.TempDir()); base.KindOf(err) != base.Config {
		t.Errorf("a directory: %v", err)
	}
}

func TestASecretShowsItselfNowhere(t *testing.T) {
	s := mustRead(t, "hush")
	type holder struct {
		S Secret
		P *Secret
	}
	h := holder{s, &s}
	var shown strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t"} {
		fmt.Fprintf(&shown, verb+verb+verb, s, &s, h)
	}
	text, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	shown.Write(text)
	slog.New(slog.NewTextHandler(&shown, nil)).Info("x", "a", s, "b", &s, "c", h)
	slog.New(slog.NewJSONHandler(&shown, nil)).Info("x", "a", s, "b", &s, "c", h)
	shown.WriteString(s.String())
	hexed := fmt.Sprintf("%x", "hush")
	if got := shown.String(); strings.Contains(got, "hush") || strings.Contains(got, hexed) ||
		strings.Count(got, redacted) < 20 {
		t.Error(got)
	}
}
