package remote

import (
	"context"
	"strings"
)

// sweep removes the parts of objects that dead processes had begun.
func (s *Store) sweep(ctx context.Context) error {
	for from, more := "", true; more; {
		var begun []Unfinished
		_, err := s.repeat(ctx, func() (err error) {
			begun, from, err = s.protocol.Unfinished(ctx, s.prefix, from)
			return err
		})
		if err != nil {
			return s.explain(ctx, s.Requests.Unfinished, "", err)
		}
		for _, u := range begun {
			name, ours := strings.CutPrefix(u.Key, s.prefix) // not every server heeds the prefix
			if !ours {
				continue
			}
			if err := s.drop(ctx, name, u.Upload); err != nil {
				return err
			}
		}
		more = from != ""
	}
	return nil
}
