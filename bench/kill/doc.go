// Package kill proves exactly once the hard way: it runs jobs as real processes, ends them with SIGKILL at random
// moments, starts them again, and compares what they wrote with the output of a run that nobody disturbed.
package kill
