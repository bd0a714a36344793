package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"graphpatch/internal/postgres"
)

// Exit codes of every command.
const (
	ExitDone     = 0
	ExitFailed   = 1
	ExitUsage    = 2 // wrong usage or invalid input; nothing was enqueued
	ExitRejected = 3 // finished, with rows rejected or failed
	ExitDrift    = 4 // Graph shows something else than is wanted
)

// Error is an error with the exit code it ends the command with.
type Error struct {
	Code int
	Err  error // nil: everything has been said
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Usage marks an error as wrong usage or invalid input.
func Usage(err error) error {
	if err == nil {
		return nil
	}
	return &Error{Code: ExitUsage, Err: err}
}

// Streams are where a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Version is set when the binaries are built.
var Version = "dev"

// Main runs a command line to its end and exits. grammar is a pointer to a struct for kong, whose commands have a method
// Run(ctx context.Context, streams cli.Streams) error. The first interrupt cancels ctx, the second ends the process.
func Main(name, description string, grammar any) {
	code := run(name, description, grammar, os.Args[1:], Streams{os.Stdin, os.Stdout, os.Stderr})
	os.Exit(code) //nolint:forbidigo // every main is this function
}

func run(name, description string, grammar any, args []string, streams Streams) int {
	told := false // the help, or the version
	parser, err := kong.New(grammar,
		kong.Name(name),
		kong.Description(description),
		kong.Vars{"version": name + " " + Version},
		kong.Writers(streams.Out, streams.Err),
		kong.Exit(func(int) { told = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true}),
	)
	if err != nil {
		panic(err) // a fault of the grammar, which every test would meet
	}
	if err := checkArguments(args); err != nil {
		say(streams.Err, name, err.Error())
		return ExitUsage
	}
	command, err := parser.Parse(args)
	if told {
		return ExitDone
	}
	if err != nil {
		say(streams.Err, name, err.Error())
		fmt.Fprintf(streams.Err, "See %s --help.\n", strings.TrimSpace(name+" "+commandOf(err)))
		return ExitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// From the first signal on the next one has its default effect: it ends the process.
	defer context.AfterFunc(ctx, stop)()
	command.BindTo(ctx, (*context.Context)(nil))
	return exitCode(streams.Err, name, command.Run(streams))
}

// commandOf returns the command that a fault of usage was made with, if it got so far.
func commandOf(err error) string {
	parse, ok := errors.AsType[*kong.ParseError](err)
	if !ok {
		return ""
	}
	selected := parse.Context.Selected()
	if selected == nil || selected == parse.Context.Model.DefaultCmd {
		return ""
	}
	return selected.Name
}

func exitCode(w io.Writer, name string, err error) int {
	if err == nil {
		return ExitDone
	}
	if text := unsaid(err); text != "" {
		say(w, name, text)
	}
	if advice := postgres.Advice(err); advice != "" {
		say(w, name, advice)
	}
	if coded, ok := errors.AsType[*Error](err); ok {
		return coded.Code
	}
	return ExitFailed
}

// unsaid is what of err a person has not been told yet. An Error about which all has been said may stand beside another,
// such as that of closing the database, which must not be lost.
func unsaid(err error) string {
	if coded, ok := err.(*Error); ok && coded.Err == nil { //nolint:errorlint // the tree is walked here, branch by branch
		return ""
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return err.Error()
	}
	var all, texts []string
	for _, branch := range joined.Unwrap() {
		all = append(all, branch.Error())
		if text := unsaid(branch); text != "" {
			texts = append(texts, text)
		}
	}
	if err.Error() != strings.Join(all, "\n") {
		return err.Error() // a sentence of its own, made with fmt.Errorf
	}
	return strings.Join(texts, "\n")
}

// say makes the text visible, because Graph's words and those of files stand in errors.
func say(w io.Writer, name, text string) {
	fmt.Fprintf(w, "%s: %s\n", name, VisibleLines(text))
}
