package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/aquifer-stream/aquifer/internal/control"
)

func jobCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "job",
		Short: "Look at running jobs, take savepoints, stop them",
		Long: `Look at running jobs of this user on this machine, take checkpoints and savepoints of them, stop them.

JOB is the name of a job, or the path of its socket. A job is found by its name unless it runs with --control PATH or
--control none.`,
		Example: `  aquifer job list
  aquifer job show quickstart
  aquifer job savepoint quickstart
  aquifer job stop --savepoint /run/user/1000/aquifer/quickstart-1f0c2b77.sock`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().BoolVar(&asJSON, "json", false, "print JSON")
	c.AddCommand(jobListCommand(&asJSON), jobShowCommand(&asJSON),
		takeCommand(&asJSON, "checkpoint", "Take a checkpoint now, and wait until it is stored", control.Client.Checkpoint),
		takeCommand(&asJSON, "savepoint", "Take a savepoint, and wait until it is stored", control.Client.Savepoint),
		jobStopCommand(&asJSON), jobCancelCommand(&asJSON))
	return c
}

// printOne prints a value as JSON, or as text if that is not asked for.
func printOne(w io.Writer, asJSON bool, v any, text func(io.Writer) error) error {
	if asJSON {
		return json.NewEncoder(w).Encode(v)
	}
	return text(w)
}

func jobListCommand(asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the jobs that run", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			jobs := control.List(c.Context())
			if *asJSON {
				return printJSON(c.OutOrStdout(), jobs)
			}
			return printJobs(c.OutOrStdout(), jobs)
		},
	}
}

func jobShowCommand(asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "show JOB", Short: "Show a job: operators, state, rate, checkpoints, restarts", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := control.Find(c.Context(), args[0])
			if err != nil {
				return err
			}
			job, err := client.Job(c.Context())
			if err != nil {
				return err
			}
			return printOne(c.OutOrStdout(), *asJSON, job, func(w io.Writer) error { return printJob(w, job) })
		},
	}
}

// takeCommand has a job take something.
func takeCommand(
	asJSON *bool, what, short string, take func(control.Client, context.Context) (control.Taken, error),
) *cobra.Command {
	return &cobra.Command{
		Use: what + " JOB", Short: short, Args: cobra.ExactArgs(1), Example: "  aquifer job " + what + " quickstart",
		RunE: func(c *cobra.Command, args []string) error {
			client, err := control.Find(c.Context(), args[0])
			if err != nil {
				return err
			}
			taken, err := take(client, c.Context())
			if err != nil {
				return err
			}
			return printOne(c.OutOrStdout(), *asJSON, taken, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s %d is stored in %s\n", what, taken.Checkpoint, place(taken.State))
				return err
			})
		},
	}
}

// place is where a job's state is, to a person.
func place(state string) string {
	if state == "" {
		return "memory"
	}
	return state
}

func jobStopCommand(asJSON *bool) *cobra.Command {
	var savepoint bool
	c := &cobra.Command{
		Use: "stop JOB", Short: "Stop a job after a last checkpoint, and wait for its end",
		Long: `Stop a job after a last checkpoint, as Ctrl-C does, and wait for its end. Started again, it goes on from there.

With --savepoint the last checkpoint is a savepoint. If the job fails before that is stored, it goes on.`,
		Example: `  aquifer job stop quickstart
  aquifer job stop --savepoint quickstart`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return end(c, args[0], *asJSON, "stopped", func(client control.Client) (control.Outcome, error) {
				return client.Stop(c.Context(), savepoint)
			})
		},
	}
	c.Flags().BoolVar(&savepoint, "savepoint", false, "take a savepoint as the last checkpoint")
	return c
}

func jobCancelCommand(asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "cancel JOB", Short: "End a job at once, without a last checkpoint", Args: cobra.ExactArgs(1),
		Long: `End a job at once, without a last checkpoint, and wait for its end. Its exit code is 1. Started again, it goes on
from the checkpoint before.`,
		Example: "  aquifer job cancel quickstart",
		RunE: func(c *cobra.Command, args []string) error {
			return end(c, args[0], *asJSON, "canceled", func(client control.Client) (control.Outcome, error) {
				return client.Cancel(c.Context())
			})
		},
	}
}

// end ends a job and tells how it did.
func end(
	c *cobra.Command, which string, asJSON bool, verb string, ask func(control.Client) (control.Outcome, error),
) error {
	client, err := control.Find(c.Context(), which)
	if err != nil {
		return err
	}
	o, err := ask(client)
	if err != nil {
		return err
	}
	if o.Error != "" {
		err = errors.New(o.Error)
	}
	return errors.Join(err, printOne(c.OutOrStdout(), asJSON, o, func(w io.Writer) error {
		return printOutcome(w, verb, o)
	}))
}

func printOutcome(w io.Writer, verb string, o control.Outcome) (err error) {
	switch {
	case o.Error != "": // which is told
	case o.Finished:
		_, err = fmt.Fprintf(w, "finished before it was %s\n", verb)
	case o.Savepoint > 0:
		_, err = fmt.Fprintf(w, "%s: savepoint %d is stored in %s\n", verb, o.Savepoint, place(o.State))
	case o.LastCheckpoint > 0:
		_, err = fmt.Fprintf(w, "%s: checkpoint %d in %s is the last\n", verb, o.LastCheckpoint, place(o.State))
	default:
		_, err = fmt.Fprintf(w, "%s: there is no checkpoint\n", verb)
	}
	return err
}
