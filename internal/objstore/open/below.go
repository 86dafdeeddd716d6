package open

import (
	"path/filepath"
	"strings"
)

// Below is a part of a place. A bucket's parameters stay at the end.
func Below(place, part string) string {
	scheme, rest, isURL := strings.Cut(place, "://")
	if !isURL {
		return filepath.Join(place, part)
	}
	path, parameters, some := strings.Cut(rest, "?")
	if some {
		parameters = "?" + parameters
	}
	return scheme + "://" + strings.TrimSuffix(path, "/") + "/" + part + parameters
}
