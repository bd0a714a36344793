// Command graphsim is a Microsoft Graph on loopback, for tests and benchmarks.
// This package owns its command line; what it pretends is in internal/graphsim.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "graphsim:", err)
	}
	os.Exit(exitCode(err))
}

// exitCode is 0 for done, 1 for failed and 2 for a command line at fault.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return 2
	}
	return 1
}

// run serves until ctx ends. The lines on stdout come when requests are accepted
// everywhere; scripts wait for the first.
func run(ctx context.Context, args, env []string, _ io.Reader, stdout, stderr io.Writer) error {
	f, done, err := parse(args, env, stdout, stderr)
	if done || err != nil {
		return err
	}
	played, err := openRecording(f.FromAudit)
	if err != nil {
		return err
	}
	defer played.close()
	sim, err := f.simulator(played.recording)
	if err != nil {
		return err
	}
	played.tell(stderr)
	site, err := sim.Start(ctx)
	if err != nil {
		return err
	}
	ca, err := f.writeCA(sim, site)
	if err != nil {
		return errors.Join(err, site.Stop())
	}
	announce(stdout, site, ca)
	return site.Wait()
}
