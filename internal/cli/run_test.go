package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

type testGrammar struct {
	Do   doCommand `cmd:"" help:"Do something."`
	Wait waitTest  `cmd:"" help:"Wait for the first interrupt."`

	Version kong.VersionFlag `help:"Print the version."`
}

type doCommand struct {
	What string `arg:"" enum:"nothing,fail,misuse,sentence,reject,reject-and-fail,wrap,coded-silently-twice,control" help:"What to do."`
	In   bool   `help:"Copy the input."`
}

// Run ends as it is told to.
func (c *doCommand) Run(_ context.Context, streams Streams) error {
	if c.In {
		if _, err := io.Copy(streams.Out, streams.In); err != nil {
			return err
		}
	}
	silent := &Error{Code: ExitRejected}
	return map[string]error{
		"nothing":              nil,
		"fail":                 errors.New("it failed"),
		"misuse":               Usage(errors.New("the file is empty")),
		"reject":               silent,
		"reject-and-fail":      errors.Join(silent, errors.New("close the database")),
		"wrap":                 fmt.Errorf("line 3: %w", Usage(errors.New("no such column"))),
		"coded-silently-twice": errors.Join(silent, errors.Join(&Error{Code: ExitFailed}, nil)),
		"sentence":             fmt.Errorf("both: %w and %w", silent, errors.New("more")),
		"control":              errors.New("Graph said: \x1b[2J\u202e\nsecond line"),
	}[c.What]
}

type waitTest struct{}

// Run interrupts itself.
func (*waitTest) Run(ctx context.Context, streams Streams) error {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	if err := self.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	<-ctx.Done()
	_, err = fmt.Fprintln(streams.Out, "finished what was begun")
	return err
}

type ended struct {
	Code     int
	Out, Err string
}

func runTest(args ...string) ended {
	var out, err strings.Builder
	code := run("tool", "Does things.", &testGrammar{}, args, Streams{strings.NewReader("input\n"), &out, &err})
	return ended{code, out.String(), err.String()}
}

func TestRun(t *testing.T) {
	for _, test := range []struct {
		args string
		want ended
	}{
		{"do nothing", ended{}},
		{"do nothing --in", ended{Out: "input\n"}},
		{"do fail", ended{Code: 1, Err: "tool: it failed\n"}},
		{"do misuse", ended{Code: 2, Err: "tool: the file is empty\n"}},
		{"do reject", ended{Code: 3}},
		{"do reject-and-fail", ended{Code: 3, Err: "tool: close the database\n"}},
		{"do wrap", ended{Code: 2, Err: "tool: line 3: no such column\n"}},
		{"do coded-silently-twice", ended{Code: 3}},
		{"do sentence", ended{Code: 3, Err: "tool: both: exit code 3 and more\n"}},
		{"do control", ended{Code: 1, Err: "tool: Graph said: \\x1b[2J\\u202e\nsecond line\n"}},
		{"wait", ended{Out: "finished what was begun\n"}},
		{"--version", ended{Out: "tool dev\n"}},
		{"do --version", ended{Out: "tool dev\n"}},
		{"undo", ended{Code: 2, Err: "tool: unexpected argument undo, did you mean \"do\"?\nSee tool --help.\n"}},
		{"do", ended{Code: 2, Err: "tool: expected \"<what>\"\nSee tool do --help.\n"}},
		{"do nothing --fast", ended{Code: 2, Err: "tool: unknown flag --fast\nSee tool do --help.\n"}},
	} {
		t.Run(test.args, func(t *testing.T) {
			if diff := cmp.Diff(runTest(strings.Fields(test.args)...), test.want); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	for _, args := range []string{"--help", "do --help", "do nothing --help"} {
		got := runTest(strings.Fields(args)...)
		if got.Code != ExitDone || got.Err != "" || !strings.HasPrefix(got.Out, "Usage: tool ") {
			t.Errorf("%s: got %d\n%s\n%s", args, got.Code, got.Out, got.Err)
		}
	}
}

func TestGrammarFaultPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a grammar that cannot be was accepted")
		}
	}()
	run("tool", "", &struct {
		A string `enum:"a,b"`
	}{}, nil, Streams{strings.NewReader(""), io.Discard, io.Discard})
}

func TestError(t *testing.T) {
	if Usage(nil) != nil {
		t.Error("no error has become one")
	}
	cause := errors.New("why")
	if err := Usage(cause); !errors.Is(err, cause) || err.Error() != "why" {
		t.Errorf("got %v", err)
	}
	if got, want := (&Error{Code: 3}).Error(), "exit code 3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestActor(t *testing.T) {
	if got, want := (Actor{Actor: "night shift"}).Name(), "night shift"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	name, host, ok := strings.Cut(Actor{}.Name(), "@")
	if !ok || name == "" || host != Host() || host == "" {
		t.Errorf("got %s@%s", name, host)
	}
}
