package nexmark

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/aquifer-stream/aquifer/flow"
)

// New returns the source of all events. Mistakes in the configuration are reported when a job starts.
func New(c Config) flow.Source[Event] { return &source[Event]{c.withDefaults(), readEvents} }

// Bids returns the source of the bids alone. The other events are made too, with every field, and dropped: the
// bids that come are those of [New], at the cost of all events but without the way through an [Event].
func Bids(c Config) flow.Source[Bid] { return &source[Bid]{c.withDefaults(), readBids} }

// source makes rows of type T from events.
type source[T any] struct {
	config Config
	// read appends at most n rows to the batch.
	read func(p *part, out *flow.Batch[T], n int)
}

// spec is what a split records: of how many parts it is one, and of which events. A checkpoint is thus never
// continued with other events.
type spec struct {
	Part   uint64 `json:"part"`
	Parts  uint64 `json:"parts"`
	Events int64  `json:"events"`
	Rate   int64  `json:"rate"`
	Seed   uint64 `json:"seed"`
	Group  int64  `json:"group"`
}

// Discover returns one split for each subtask, once in the life of a job: a job restored at another parallelism
// keeps the splits it has.
func (s *source[T]) Discover(_ context.Context, known flow.Known) (flow.Discovery, error) {
	if err := s.config.validate(); err != nil {
		return flow.Discovery{}, err
	}
	var found flow.Discovery
	if known.Has != nil && known.Has(splitID(0)) {
		return found, nil
	}
	for i := range known.Parallelism {
		encoded, err := json.Marshal(s.spec(uint64(i), uint64(known.Parallelism)))
		if err != nil {
			return flow.Discovery{}, err
		}
		found.Splits = append(found.Splits, flow.Split{
			ID: splitID(i), Bounded: s.config.Events > 0, Spec: encoded,
		})
	}
	return found, nil
}

func splitID(part int) string { return "part-" + strconv.Itoa(part) }

func (s *source[T]) spec(part, parts uint64) spec {
	c := s.config
	return spec{part, parts, c.Events, c.Rate, c.Seed, c.Group}
}

// Open returns the reader of a split. It may be used by one goroutine at a time.
func (s *source[T]) Open(_ context.Context, split flow.Split) (flow.Reader[T], error) {
	if err := s.config.validate(); err != nil {
		return nil, err
	}
	var found spec
	if err := json.Unmarshal(split.Spec, &found); err != nil {
		return nil, flow.CorruptErrorf("nexmark: spec %q of the split is not one of this source: %w",
			split.Spec, err)
	}
	if found.Part >= found.Parts {
		return nil, flow.CorruptErrorf("nexmark: the split is part %d of %d", found.Part, found.Parts)
	}
	if want := s.spec(found.Part, found.Parts); found != want {
		return nil, flow.ConfigErrorf("nexmark: the split was made for %+v, the source is now %+v: "+
			"go on with the former configuration, or start without the checkpoint", found, want)
	}
	p, err := newPart(s.config, found, split.Position)
	if err != nil {
		return nil, err
	}
	return newReader(p, s.config, s.read), nil
}
