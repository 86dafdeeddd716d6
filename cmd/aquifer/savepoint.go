package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint/store"
	"github.com/aquifer-stream/aquifer/internal/objstore/open"
)

func savepointCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "savepoint",
		Short: "List, show and delete the savepoints of a job",
		Long: `List, show and delete the savepoints of a job. A savepoint is a checkpoint that is kept until it is deleted
here; aquifer job savepoint takes one.

STATE is a directory, s3://bucket/prefix, gs://bucket/prefix or az://account/container/prefix. A job started with
--from N goes on from savepoint N.`,
		Example: `  aquifer savepoint list DIR
  aquifer savepoint show DIR 12
  aquifer savepoint delete s3://bucket/prefix 12`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().BoolVar(&asJSON, "json", false, "print JSON, as show always does")
	c.AddCommand(savepointListCommand(&asJSON), savepointShowCommand(), savepointDeleteCommand(&asJSON))
	return c
}

// savepoints are those in a state directory, oldest first.
func savepoints(ctx context.Context, s *store.Store) ([]store.Entry, error) {
	entries, err := s.List(ctx)
	return slices.DeleteFunc(entries, func(e store.Entry) bool { return !e.Savepoint }), err
}

func savepointListCommand(asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "list STATE", Short: "List the savepoints", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			_, s, err := openState(c.Context(), args[0])
			if err != nil {
				return err
			}
			all, err := savepoints(c.Context(), s)
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), all)
			}
			return printEntries(c.OutOrStdout(), "SAVEPOINT", all)
		},
	}
}

func savepointShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show STATE [SAVEPOINT]", Short: "Print a savepoint's manifest, or the newest one's, as JSON",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			_, s, err := openState(c.Context(), args[0])
			if err != nil {
				return err
			}
			id, err := pickSavepoint(c.Context(), s, args[1:])
			if err != nil {
				return err
			}
			m, err := s.Load(c.Context(), id)
			if err != nil {
				return err
			}
			return printManifest(c.OutOrStdout(), m)
		},
	}
}

// pickSavepoint is the number of the savepoint that was asked for, or of the newest.
func pickSavepoint(ctx context.Context, s *store.Store, args []string) (uint64, error) {
	all, err := savepoints(ctx, s)
	if err != nil {
		return 0, err
	}
	if len(args) == 0 && len(all) == 0 {
		return 0, base.Errorf(base.Config, "there is no savepoint")
	}
	if len(args) == 0 {
		return all[len(all)-1].Checkpoint, nil
	}
	id, err := savepointNumber(args[0])
	if err == nil && !slices.ContainsFunc(all, func(e store.Entry) bool { return e.Checkpoint == id }) {
		err = base.Errorf(base.Config, "there is no savepoint %d", id)
	}
	return id, err
}

func savepointNumber(text string) (uint64, error) {
	id, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, base.Errorf(base.Config, "%q is not the number of a savepoint", text)
	}
	return id, nil
}

// deleted is what delete did.
type deleted struct {
	Savepoint uint64 `json:"savepoint"`
	Deleted   bool   `json:"deleted"`
}

func savepointDeleteCommand(asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "delete STATE SAVEPOINT", Short: "Delete a savepoint, also while the job runs", Args: cobra.ExactArgs(2),
		Long: `Delete a savepoint, also while the job runs.

What it alone needed is deleted when the job next stores a checkpoint, or by aquifer checkpoint gc while none runs.`,
		RunE: func(c *cobra.Command, args []string) error {
			id, err := savepointNumber(args[1])
			if err != nil {
				return err
			}
			objects, err := open.Existing(c.Context(), args[0])
			if err != nil {
				return err
			}
			if err := store.DeleteSavepoint(c.Context(), objects, id); err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), []deleted{{id, true}})
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "savepoint %d is deleted; its objects go with the next checkpoint of a "+
				"running job, or with aquifer checkpoint gc\n", id)
			return err
		},
	}
}
