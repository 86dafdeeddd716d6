package measure

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Program runs a program and reads the last line of its output, a JSON object, into a value. An error has what it wrote
// to its standard error, or the line.
func Program(ctx context.Context, into any, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	var out, log bytes.Buffer
	c.Stdout, c.Stderr, c.WaitDelay = &out, &log, 5*time.Second
	if err := c.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, log.Bytes())
	}
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	last := lines[len(lines)-1]
	if err := json.Unmarshal(last, into); err != nil {
		return fmt.Errorf("%s %s printed %q: %w", name, strings.Join(args, " "), last, err)
	}
	return nil
}
