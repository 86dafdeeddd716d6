package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint/store"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/open"
)

// collected is what gc found, and has deleted unless it was dry.
type collected struct {
	Objects int      `json:"objects"`
	Bytes   int64    `json:"bytes"`
	Deleted bool     `json:"deleted"`
	Names   []string `json:"names"`
}

func (c collected) String() string {
	if c.Deleted {
		return fmt.Sprintf("%d objects with %d bytes deleted", c.Objects, c.Bytes)
	}
	return fmt.Sprintf("%d objects with %d bytes are needed by no checkpoint", c.Objects, c.Bytes)
}

func collectCommand(asJSON *bool) *cobra.Command {
	var dry bool
	c := &cobra.Command{
		Use: "gc STATE", Short: "Delete objects that no checkpoint needs",
		Long: `Delete objects that no checkpoint needs.

A running job deletes what it does not need itself, and what earlier processes left behind. This is for
the state of jobs that do not run: it is refused while one does.`,
		Example: `  aquifer checkpoint gc --dry-run DIR
  aquifer checkpoint gc s3://bucket/prefix`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			found, err := collect(c.Context(), args[0], dry)
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), []collected{found})
			}
			if dry {
				for _, name := range found.Names {
					fmt.Fprintln(c.OutOrStdout(), name)
				}
			}
			fmt.Fprintln(c.OutOrStdout(), found)
			return nil
		},
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "only list them")
	return c
}

func collect(ctx context.Context, place string, dry bool) (found collected, err error) {
	objects, err := open.Existing(ctx, place)
	if err != nil {
		return found, err
	}
	release, err := objects.Lock(ctx)
	if errors.Is(err, objstore.ErrLocked) {
		return found, base.Errorf(base.Config, "%w: a running job deletes what it does not need itself", err)
	}
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, release()) }()
	s, err := store.Inspect(ctx, objects) // after the lock: no head can be newer
	if err != nil {
		return found, err
	}
	garbage, err := s.Garbage(ctx)
	if err != nil {
		return found, err
	}
	for _, o := range garbage {
		found.Objects, found.Bytes = found.Objects+1, found.Bytes+o.Size
		found.Names = append(found.Names, o.Name)
	}
	if found.Deleted = !dry; dry {
		return found, nil
	}
	return found, s.Delete(ctx, garbage)
}
