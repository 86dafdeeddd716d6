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
	"github.com/aquifer-stream/aquifer/internal/objstore/open"
)

func checkpointCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "checkpoint",
		Short: "Inspect the checkpoints of a job",
		Long: `Inspect the checkpoints of a job, whose state is in a directory or in a bucket: s3://bucket/prefix,
gs://bucket/prefix or az://account/container/prefix. But for gc nothing is changed, so this is safe while
the job runs.

A job started with --from N goes on from checkpoint N. Savepoints are checkpoints, too: they are listed here, and
aquifer savepoint deletes them.`,
		Example: `  aquifer checkpoint list DIR
  aquifer checkpoint show DIR 12
  aquifer checkpoint verify s3://bucket/prefix
  aquifer checkpoint gc --dry-run DIR`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().BoolVar(&asJSON, "json", false, "print JSON, as show always does")
	c.AddCommand(listCommand(&asJSON), showCommand(), verifyCommand(&asJSON), collectCommand(&asJSON))
	return c
}

// openState opens an existing state directory to read.
func openState(ctx context.Context, path string) (objstore.Store, *store.Store, error) {
	objects, err := open.Existing(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	s, err := store.Inspect(ctx, objects)
	return objects, s, err
}

func listCommand(asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "list STATE", Short: "List the checkpoints that can be restored", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			_, s, err := openState(c.Context(), args[0])
			if err != nil {
				return err
			}
			entries, err := s.List(c.Context())
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), entries)
			}
			return printEntries(c.OutOrStdout(), "CHECKPOINT", entries)
		},
	}
}

// printJSON prints an array, also when there is nothing to print.
func printJSON[T any](w io.Writer, all []T) error {
	return json.NewEncoder(w).Encode(append([]T{}, all...))
}

// printEntries prints a line for each, under the word for what they are.
func printEntries(w io.Writer, what string, entries []store.Entry) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, what+"\tTAKEN\tREASON\tTABLES\tBYTES\t")
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
		Use: "show STATE [CHECKPOINT]", Short: "Print a checkpoint's manifest as JSON", Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			_, s, err := openState(c.Context(), args[0])
			if err != nil {
				return err
			}
			m, err := manifest(c.Context(), s, args[1:])
			if err != nil {
				return err
			}
			return printManifest(c.OutOrStdout(), m)
		},
	}
}

func printManifest(w io.Writer, m *checkpoint.Manifest) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(m)
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

func verifyCommand(asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "verify STATE", Short: "Check every object of every checkpoint and savepoint: existence, length, checksum",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			objects, s, err := openState(c.Context(), args[0])
			if err != nil {
				return err
			}
			all, damage := verify(c.Context(), objects, s)
			if *asJSON {
				return errors.Join(damage, printJSON(c.OutOrStdout(), all))
			}
			for _, v := range all {
				fmt.Fprintln(c.OutOrStdout(), v)
			}
			return damage
		},
	}
}

// verified is what verify found of a checkpoint.
type verified struct {
	Checkpoint uint64 `json:"checkpoint"`
	Savepoint  bool   `json:"savepoint"`
	Whole      bool   `json:"whole"`
	Tables     int    `json:"tables"`
	Damage     string `json:"damage,omitempty"`
}

func (v verified) String() string {
	what := "checkpoint"
	if v.Savepoint {
		what = "savepoint"
	}
	if !v.Whole {
		return fmt.Sprintf("%s %d: damaged: %s", what, v.Checkpoint, v.Damage)
	}
	return fmt.Sprintf("%s %d: whole, %d tables", what, v.Checkpoint, v.Tables)
}

// verify checks all retained checkpoints. A table that several of them share is read once.
func verify(ctx context.Context, objects objstore.Store, s *store.Store) (all []verified, _ error) {
	entries, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	checked := map[string]error{}
	var damaged []error
	for _, e := range entries {
		v := verified{Checkpoint: e.Checkpoint, Savepoint: e.Savepoint, Tables: e.Tables, Whole: true}
		if err := verifyOne(ctx, objects, s, e.Checkpoint, checked); err != nil {
			damaged = append(damaged, err)
			v.Whole, v.Damage = false, err.Error()
		}
		all = append(all, v)
	}
	if len(damaged) > 0 {
		return all, base.Errorf(base.Corrupt, "%d of %d checkpoints are damaged: %w",
			len(damaged), len(entries), errors.Join(damaged...))
	}
	return all, nil
}

func verifyOne(
	ctx context.Context, objects objstore.Store, s *store.Store, id uint64, checked map[string]error,
) error {
	m, err := s.Load(ctx, id)
	if err != nil {
		return err
	}
	for _, t := range m.Tables() {
		if _, ok := checked[t.Name]; !ok {
			checked[t.Name] = lsm.VerifyTable(ctx, objects, lsm.TableInfo{
				Name: t.Name, Bytes: t.Bytes, CRC: t.CRC,
			})
		}
		if err := checked[t.Name]; err != nil {
			return err
		}
	}
	return nil
}
