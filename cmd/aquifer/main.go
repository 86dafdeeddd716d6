// Command aquifer shows what Aquifer does, runs the Nexmark benchmark, inspects checkpoints and controls
// running jobs.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/aquifer-stream/aquifer"
)

func main() {
	root := &cobra.Command{
		Use:   "aquifer",
		Short: "A stateful stream processor for Go programmers",
		Long: `Aquifer is a stateful stream processor for Go programmers: a library, and this command.

Exit codes: 0 done; 1 failed, or a restore that is planned would lose state; 2 wrong usage or configuration, nothing has
been touched; 3 interrupted after a last checkpoint, to be continued by starting it again.`,
		Example: `  aquifer quickstart
  aquifer nexmark q5 --events 10000000 --json
  aquifer bench state
  aquifer checkpoint list DIR
  aquifer job savepoint quickstart`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(quickstartCommand(), nexmarkCommand(), benchCommand(), checkpointCommand(),
		savepointCommand(), jobCommand())
	os.Exit(aquifer.Execute(root, os.Stderr))
}
