// Command ratechart draws what a simulated Graph saw: the rate of the updates over time, the answers that throttled, and
// the pauses that followed.
//
//	curl -s $GRAPH_BASE_URL/_sim/requests | ratechart -limit 2000/20s > rate.svg
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"graphpatch/internal/budget"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "ratechart:", err)
		os.Exit(1)
	}
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("ratechart", flag.ContinueOnError)
	flags.SetOutput(stderr)
	limit := budget.DefaultWrites
	flags.Func("limit", "the limit, drawn as a line (default "+limit.String()+")", func(text string) error {
		return limit.UnmarshalText([]byte(text))
	})
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return errors.New("usage: ratechart [-limit N/TIME] < requests > rate.svg")
	}
	s, err := readStory(stdin)
	if err != nil {
		return err
	}
	return draw(stdout, s, limit)
}
