package checkpoint

import (
	"fmt"
	"strconv"
	"strings"
)

var units = []struct {
	name  string
	bytes int64
}{{"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1}}

// parseSize returns the bytes of a size such as 100MB.
func parseSize(s string) (int64, error) {
	for _, u := range units {
		number, found := strings.CutSuffix(strings.ToUpper(strings.TrimSpace(s)), u.name)
		if !found {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(n >= 1) || n*float64(u.bytes) > 1e15 {
			break
		}
		return int64(n * float64(u.bytes)), nil
	}
	return 0, fmt.Errorf("size %q: write it as 10MB or 1GB", s)
}

// showSize is a size as parseSize takes it.
func showSize(bytes int64) string {
	for _, u := range units {
		if bytes >= u.bytes {
			return strconv.FormatFloat(float64(bytes)/float64(u.bytes), 'g', 4, 64) + " " + u.name
		}
	}
	return "0 B"
}

// sizes returns the sizes of the options in bytes.
func (o Options) sizes() (all []int64, err error) {
	for _, s := range o.Sizes {
		n, err := parseSize(s)
		if err != nil {
			return nil, err
		}
		if len(all) > 0 && n <= all[len(all)-1] {
			return nil, fmt.Errorf("sizes %v: each must be larger than the one before", o.Sizes)
		}
		all = append(all, n)
	}
	if len(all) < 2 {
		return nil, fmt.Errorf("sizes %v: there must be two at least, to compare", o.Sizes)
	}
	return all, nil
}
