// Command surge runs the job of the spiky test with the options in SPIKY_OPTIONS and prints its report as JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/aquifer-stream/aquifer/bench/spiky"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "surge: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	o, err := spiky.ParseOptions(os.Getenv("SPIKY_OPTIONS"))
	if err != nil {
		return err
	}
	r, err := spiky.Run(context.Background(), o, os.Stderr)
	return errors.Join(err, json.NewEncoder(os.Stdout).Encode(r))
}
