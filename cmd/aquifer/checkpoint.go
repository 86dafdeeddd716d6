package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/checkpoint/store"
	"github.com/aquifer-stream/aquifer/internal/lsm"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/dir"
)

func checkpointCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "checkpoint",
		Short: "Inspect the checkpoints in a state directory",
		Long: `Inspect the checkpoints in a state directory. Nothing is changed, so this is safe while the job runs.

A job started with --from N goes on from checkpoint N.`,
		Example: `  aquifer checkpoint list DIR
  aquifer checkpoint show DIR 12
  aquifer checkpoint verify DIR`,
	}
	c.AddCommand(listCommand(), showCommand(), verifyCommand())
	return c
}

// openState opens an existing state directory to read.
func openState(ctx context.Context, path string) (objstore.Store, *store.Store, error) {
	objects, err := dir.Existing(path)
	if err != nil {
		return nil, nil, err
	}
	s, err := store.Inspect(ctx, objects)
	return objects, s, err
}

func listCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "list DIR", Short: "List the checkpoints that can be restored", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			_, s, err := openState(c.Context(), args[0])
			if err != nil {
				return err
			}
			entries, err := s.List(c.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(entries)
			}
			return printEntries(c.OutOrStdout(), entries)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return c
}

func printEntries(w io.Writer, entries []store.Entry) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CHECKPOINT\tTAKEN\tREASON\tTABLES\tBYTES\t")
	for _, e := range entries {
		if e.Damage != "" {
			fmt.Fprintf(t, "%d\tdamaged: %s\n", e.Checkpoint, e.Damage)
			continue
		}
		taken := time.UnixMilli(e.Created).Format(time.DateTime)
		fmt.Fprintf(t, "%d\t%s\t%s\t%d\t%d\t\n", e.Checkpoint, taken, e.Reason, e.Tables, e.Bytes)
	}
	return t.Flush()
}

func showCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show DIR [CHECKPOINT]", Short: "Print a checkpoint's manifest as JSON", Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			_, s, err := openState(c.Context(), args[0])
			if err != nil {
				return err
			}
			m, err := manifest(c.Context(), s, args[1:])
			if err != nil {
				return err
			}
			e := json.NewEncoder(c.OutOrStdout())
			e.SetIndent("", "  ")
			return e.Encode(m)
		},
	}
}

// manifest loads the checkpoint that was asked for, or the latest.
func manifest(ctx context.Context, s *store.Store, args []string) (*checkpoint.Manifest, error) {
	if len(args) == 0 {
		m, err := s.Latest(ctx)
		if err == nil && m == nil {
			err = base.Errorf(base.Config, "there is no checkpoint yet")
		}
		return m, err
	}
	id, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return nil, base.Errorf(base.Config, "%q is not the number of a checkpoint", args[0])
	}
	return s.Load(ctx, id)
}

func verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "verify DIR", Short: "Check every object of every checkpoint: existence, length, checksum",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			objects, s, err := openState(c.Context(), args[0])
			if err != nil {
				return err
			}
			return verify(c.Context(), c.OutOrStdout(), objects, s)
		},
	}
}

// verify checks all retained checkpoints. A table that several of them share is read once.
func verify(ctx context.Context, w io.Writer, objects objstore.Store, s *store.Store) error {
	entries, err := s.List(ctx)
	if err != nil {
		return err
	}
	checked := map[string]error{}
	var damaged []error
	for _, e := range entries {
		err := verifyOne(ctx, objects, s, e.Checkpoint, checked)
		if err != nil {
			damaged = append(damaged, err)
			fmt.Fprintf(w, "checkpoint %d: damaged: %v\n", e.Checkpoint, err)
			continue
		}
		fmt.Fprintf(w, "checkpoint %d: whole, %d tables\n", e.Checkpoint, e.Tables)
	}
	if len(damaged) > 0 {
		return base.Errorf(base.Corrupt, "%d of %d checkpoints are damaged: %w",
			len(damaged), len(entries), errors.Join(damaged...))
	}
	return nil
}

func verifyOne(ctx context.Context, objects objstore.Store, s *store.Store, id uint64, checked map[string]error) error {
	m, err := s.Load(ctx, id)
	if err != nil {
		return err
	}
	for _, t := range m.Tables() {
		if _, ok := checked[t.Name]; !ok {
			checked[t.Name] = lsm.VerifyTable(ctx, objects, lsm.TableInfo{
				Name: t.Name, Bytes: t.Bytes, Entries: t.Entries, CRC: t.CRC,
			})
		}
		if err := checked[t.Name]; err != nil {
			return err
		}
	}
	return nil
}
