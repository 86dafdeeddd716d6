package objstore

import (
	"strings"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// CheckName refuses what is not the name of an object, before it can reach a file system or a server.
func CheckName(name string) error {
	for element := range strings.SplitSeq(name, "/") {
		if element == "" || element[0] == '.' {
			return base.Errorf(base.Config, "%q is not the name of an object: an element is empty or begins with a dot", name)
		}
		for _, c := range []byte(element) {
			if !nameByte(c) {
				return base.Errorf(base.Config, "%q is not the name of an object: it contains %q", name, c)
			}
		}
	}
	return nil
}

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("._=-", c) >= 0
}
