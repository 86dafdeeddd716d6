package azure

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// signer signs requests with the key of an account.
type signer struct {
	account string
	key     []byte
	next    http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (s signer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("x-ms-date", time.Now().UTC().Format(http.TimeFormat))
	r.Header.Set("Authorization", "SharedKey "+s.account+":"+s.signature(r))
	return s.next.RoundTrip(r)
}

// signed are the fields whose values are signed without their names, in this order.
var signed = []string{
	"Content-MD5", "Content-Type", "Date", "If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since",
	"Range",
}

// signature is the signature of a request by the scheme SharedKey.
func (s signer) signature(r *http.Request) string {
	length := ""
	if r.ContentLength > 0 {
		length = strconv.FormatInt(r.ContentLength, 10)
	}
	lines := []string{r.Method, r.Header.Get("Content-Encoding"), r.Header.Get("Content-Language"), length}
	for _, field := range signed {
		lines = append(lines, r.Header.Get(field))
	}
	text := strings.Join(append(lines, fieldsOf(r)...), "\n") + "\n/" + s.account + r.URL.EscapedPath() + queryOf(r)
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// fieldsOf are Azure's own fields of a request.
func fieldsOf(r *http.Request) (all []string) {
	for name := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-ms-") {
			all = append(all, name+":"+r.Header.Get(name))
		}
	}
	slices.Sort(all)
	return all
}

// queryOf are the parameters of a request. None of this package has two values.
func queryOf(r *http.Request) string {
	var all []string
	for name, values := range r.URL.Query() {
		all = append(all, "\n"+strings.ToLower(name)+":"+strings.Join(values, ","))
	}
	slices.Sort(all)
	return strings.Join(all, "")
}
