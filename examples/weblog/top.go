package main

import (
	"cmp"
	"slices"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/state"
)

// Views is how often a page was requested in an hour.
type Views = aquifer.Windowed[string, int64]

// Rank is a row of the second result.
type Rank struct {
	Hour  time.Time `json:"hour"`
	Rank  int       `json:"rank"`
	Page  string    `json:"page"`
	Views int64     `json:"views"`
}

// top collects the pages of an hour and emits the most requested ones when the hour is complete.
type top struct {
	pages state.Map[string, int64]
}

func newTop() aquifer.ProcessFunc[Views, Rank] { return &top{} }

func (t *top) Open(s *state.Scope) (err error) {
	t.pages, err = state.NewMap[string, int64](s, "pages")
	return err
}

func (t *top) Process(ctx *aquifer.Context, v *Views, _ aquifer.Collector[Rank]) error {
	if err := t.pages.Set(ctx, v.Key, v.Value); err != nil {
		return err
	}
	return ctx.RegisterEventTimer(v.End)
}

func (t *top) OnTimer(ctx *aquifer.Context, _ aquifer.Timer, out aquifer.Collector[Rank]) error {
	pages, err := t.pages.All(ctx)
	if err != nil {
		return err
	}
	var ranks []Rank
	for page, views := range pages {
		ranks = append(ranks, Rank{Page: page, Views: views})
	}
	slices.SortFunc(ranks, func(a, b Rank) int {
		return cmp.Or(cmp.Compare(b.Views, a.Views), cmp.Compare(a.Page, b.Page))
	})
	for i, r := range ranks[:min(topPages, len(ranks))] {
		r.Hour, r.Rank = time.UnixMilli(aquifer.Key[int64](ctx)).UTC(), i+1
		out.Emit(r)
	}
	return t.pages.Clear(ctx)
}
