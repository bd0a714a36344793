// Command sample writes a CSV file of user statuses to try graphpatch with: as large as wanted, of the shape that
// real exports have, and the same for the same seed. Nobody in it exists.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "sample:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("sample", flag.ContinueOnError)
	flags.SetOutput(stderr)
	rows := flags.Int("rows", 40, "how many rows to write")
	seed := flags.Uint64("seed", 1, "another seed, other people")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if flags.NArg() > 0 || *rows < 0 {
		return errors.New("usage: sample [-rows N] [-seed N] > users.csv")
	}
	return generate(stdout, *rows, *seed)
}
