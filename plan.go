package aquifer

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/checkpoint/store"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/open"
	"github.com/aquifer-stream/aquifer/internal/plan"
)

// Restore is what going on from a checkpoint would do with each operator and state: keep, migrate, new, drop or refuse.
type Restore = plan.Restore

// PlanRestore says what Run would do with the checkpoint in State that From names, or the latest. Nothing is run,
// written or locked, so it may be asked while the job runs. A State without a checkpoint is a plan in which all is new;
// no State, or one that is not there, is a mistake of configuration.
func (j *Job) PlanRestore(ctx context.Context, options RunOptions) (*Restore, error) {
	o := options.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	p, err := o.compile(&j.graph)
	if err != nil {
		return nil, err
	}
	objects, err := o.existing(ctx)
	if err != nil {
		return nil, err
	}
	s, err := store.Open(ctx, objects, p.Name)
	if err != nil {
		return nil, err
	}
	m, err := o.manifest(ctx, s)
	if err != nil {
		return nil, err
	}
	return plan.Restoring(p, m)
}

// existing is the store of a State that is there.
func (o RunOptions) existing(ctx context.Context) (objstore.Store, error) {
	switch {
	case o.objects != nil:
		return o.objects, nil
	case o.State == "":
		return nil, base.Errorf(base.Config, "a plan of a restore needs a state: say where it is with --state")
	}
	objects, err := open.Existing(ctx, o.State)
	if err != nil {
		return nil, base.Errorf(base.Config, "%w", err)
	}
	return objects, nil
}

// manifest is the checkpoint to go on from, nil for none.
func (o RunOptions) manifest(ctx context.Context, s *store.Store) (*checkpoint.Manifest, error) {
	if o.From > 0 {
		return s.Load(ctx, o.From)
	}
	return s.Latest(ctx)
}

// AddPlanFlag adds the flag --plan to a set, for a command that calls PrintRestore instead of running the job.
func AddPlanFlag(f *pflag.FlagSet, planOnly *bool) {
	f.BoolVar(planOnly, "plan", false,
		"only print what a restore from --state would do: exit code 1 if it would lose state or cannot be made")
}

// PrintRestore prints PlanRestore as a table, or as one JSON object. It fails if the restore would lose state, allowed
// or not, or cannot be made.
func (j *Job) PrintRestore(ctx context.Context, o RunOptions, asJSON bool, w io.Writer) error {
	r, err := j.PlanRestore(ctx, o)
	if err != nil {
		return err
	}
	if asJSON {
		err = json.NewEncoder(w).Encode(r)
	} else {
		err = printRestore(r, w)
	}
	if err == nil && r.Loses() {
		err = fmt.Errorf("a restore from checkpoint %d would lose state, or cannot be made", r.Checkpoint)
	}
	return err
}

// printRestore shows a plan to a person.
func printRestore(r *Restore, w io.Writer) error {
	if r.Checkpoint == 0 {
		fmt.Fprintln(w, "there is no checkpoint: the job would begin anew")
	} else {
		fmt.Fprintf(w, "checkpoint %d, taken %s\n", r.Checkpoint, time.UnixMilli(r.Taken).Format(time.DateTime))
	}
	if r.Refused != "" {
		fmt.Fprintf(w, "refused: %s\n", r.Refused)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "OPERATOR\tSTATE\tOUTCOME\tBYTES\tHOW")
	for _, op := range r.Operators {
		fmt.Fprintf(t, "%s\t\t%s\t%s\t%s\n", op.UID, op.Outcome, bytesIfAny(op.Bytes), op.Why)
		for _, s := range op.States {
			how := strings.Join(append(s.Changes, s.Why), ", ")
			fmt.Fprintf(t, "%s\t%s\t%s\t\t%s\n", op.UID, s.Name, s.Outcome, strings.TrimSuffix(how, ", "))
		}
	}
	return t.Flush()
}

// bytesIfAny is empty for an operator without tables.
func bytesIfAny(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}
