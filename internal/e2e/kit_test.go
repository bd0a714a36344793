package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"graphpatch/internal/postgres/pgtest"
)

// atOnce is how many tests go on at the same time: nearly all they do is wait for programs that wait.
const atOnce = "6"

func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.parallel").Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		_ = flag.Set("test.parallel", atOnce)
	}
	code := m.Run()
	http.DefaultClient.CloseIdleConnections()
	if code == 0 {
		// Of the relay's goroutines some stay behind when both of its ends are closed at once.
		if err := goleak.Find(goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run")); err != nil {
			fmt.Fprintf(os.Stderr, "goroutines are left over: %v\n", err)
			code = 1
		}
	}
	if programs.dir != "" {
		_ = os.RemoveAll(programs.dir)
	}
	os.Exit(code)
}

// programs are built once for all tests.
var programs struct {
	sync.Once
	dir string
	err error
}

func build(tb testing.TB) string {
	tb.Helper()
	programs.Do(func() {
		programs.dir, programs.err = os.MkdirTemp("", "graphpatch-programs-") //nolint:usetesting // for all tests, not for the one that came first
		if programs.err != nil {
			return
		}
		out, err := exec.Command("go", "build", "-buildvcs=false", buildMode,
			"-ldflags=-X graphpatch/internal/cli.Version=v0.0.0-test", "-o", programs.dir,
			"graphpatch/cmd/enqueue", "graphpatch/cmd/worker", "graphpatch/cmd/audit", "graphpatch/cmd/graphsim", "graphpatch/examples/sample").CombinedOutput()
		if err != nil {
			programs.err = fmt.Errorf("build the programs: %w\n%s", err, out)
		}
	})
	if programs.err != nil {
		tb.Fatal(programs.err)
	}
	return programs.dir
}

// kit is an installation: the built programs, a folder for files, and the environment the programs run in.
type kit struct {
	tb  testing.TB
	bin string
	dir string
	env map[string]string

	readsFirst bool // otherwise what is enqueued is blind, because reading is not what most tests are about
}

const tenant = "11111111-1111-4111-8111-111111111111"

// newKit is an installation without a database: the test sets DATABASE_URL or GRAPHPATCH_DATA_DIR.
func newKit(tb testing.TB) *kit {
	tb.Helper()
	dir, err := os.MkdirTemp("", "graphpatch-e2e-") //nolint:usetesting // the test's own folder is too deep for a socket, and closed to other accounts
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	// An embedded server of root's drops to another account, which must be able to pass here.
	if err := os.Chmod(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	return &kit{tb: tb, bin: build(tb), dir: dir, env: map[string]string{
		"GRAPH_ACCESS_TOKEN": "token", "AZURE_TENANT_ID": tenant, "DATABASE_URL": "", "GRAPH_BASE_URL": "", "GRAPH_WRITE_LIMIT": "1000000/20s",
		"GORACE": "atexit_sleep_ms=0", // otherwise the race detector delays the end of each program by a second
	}}
}

// newTestKit is an installation with a migrated database of its own.
func newTestKit(t *testing.T) (*kit, *pgtest.DB) {
	t.Helper()
	k, db := newKit(t), pgtest.New(t)
	k.env["DATABASE_URL"] = db.URL
	k.ok("worker", "migrate")
	return k, db
}

func (k *kit) environ() []string {
	env := os.Environ()
	for name, value := range k.env {
		env = append(env, name+"="+value)
	}
	return env
}

// ran is what a finished process said and took.
type ran struct {
	code           int
	stdout, stderr string
	wall           time.Duration
	peak           int64 // resident bytes
}

func (r ran) String() string {
	return fmt.Sprintf("exit code %d\n--- stdout\n%s--- stderr\n%s", r.code, r.stdout, r.stderr)
}

// run runs one of the programs to its end.
func (k *kit) run(name string, args ...string) ran { return k.runWith(nil, name, args...) }

func (k *kit) runWith(stdin io.Reader, name string, args ...string) ran {
	k.tb.Helper()
	cmd := exec.CommandContext(k.tb.Context(), filepath.Join(k.bin, name), k.blind(name, args)...)
	cmd.Env, cmd.Dir, cmd.Stdin = k.environ(), k.dir, stdin
	return k.finish(cmd)
}

// blind are the arguments with which the program is run.
func (k *kit) blind(name string, args []string) []string {
	if k.readsFirst || name != "enqueue" || len(args) == 0 || !slices.Contains([]string{"csv", "sql", "replay"}, args[0]) {
		return args
	}
	return append([]string{args[0], "--blind"}, args[1:]...)
}

func (k *kit) finish(cmd *exec.Cmd) ran {
	k.tb.Helper()
	var stdout, stderr bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &stdout
	}
	cmd.Stderr = &stderr
	start := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		k.tb.Fatal(err)
	}
	return ran{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String(), time.Since(start), peakOf(cmd.ProcessState)}
}

func peakOf(state *os.ProcessState) int64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return bytesOf(usage.Maxrss)
}

// bytesOf is what Maxrss comes to, which has kilobytes on Linux and bytes elsewhere.
func bytesOf(maxrss int64) int64 {
	if runtime.GOOS == "linux" {
		return maxrss * 1024
	}
	return maxrss
}

// ok runs a program that must succeed.
func (k *kit) ok(name string, args ...string) ran {
	k.tb.Helper()
	r := k.run(name, args...)
	if r.code != 0 {
		k.tb.Fatalf("%s %s: %s", name, strings.Join(args, " "), r)
	}
	return r
}

// output collects what a running program says.
type output struct {
	mu   sync.Mutex
	said bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.said.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.said.String()
}

// process is a program that is still running.
type process struct {
	tb     testing.TB
	cmd    *exec.Cmd
	stderr *output
	ended  chan error
	once   sync.Once
}

// start starts a program and sees to its end.
func (k *kit) start(stdout io.Writer, name string, args ...string) *process {
	k.tb.Helper()
	p := &process{tb: k.tb, stderr: &output{}, ended: make(chan error, 1)}
	p.cmd = exec.Command(filepath.Join(k.bin, name), k.blind(name, args)...)
	p.cmd.Env, p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = k.environ(), k.dir, stdout, p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		k.tb.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	k.tb.Cleanup(func() { p.end(syscall.SIGKILL) })
	return p
}

// end sends a signal to the program's whole group, as a terminal does, waits for its end and returns the exit code: -1
// after a kill.
func (p *process) end(signal syscall.Signal) int {
	p.tb.Helper()
	p.once.Do(func() {
		_ = syscall.Kill(-p.cmd.Process.Pid, signal)
		select {
		case <-p.ended:
		case <-time.After(time.Minute):
			p.tb.Errorf("%s goes on a minute after %s:\n%s", p.cmd.Path, signal, p.stderr)
			_ = p.cmd.Process.Kill()
			<-p.ended
		}
	})
	return p.cmd.ProcessState.ExitCode()
}

// simulator starts a Graph, makes it the one the programs talk to, and returns its root.
func (k *kit) simulator(args ...string) string {
	k.tb.Helper()
	var said output
	sim := k.start(&said, "graphsim", append([]string{"--addr=127.0.0.1:0", "--write-limit=10000000/20s"}, args...)...)
	k.until("the simulator listens", func() bool { return strings.Contains(said.String(), "\n") || len(sim.ended) > 0 })
	fields := strings.Fields(said.String())
	if len(fields) == 0 {
		k.tb.Fatalf("the simulator does not start: %s", sim.stderr)
	}
	root := fields[len(fields)-1]
	k.env["GRAPH_BASE_URL"] = root
	return root
}

// get reads JSON from the simulator's inside view: one value, or one a line.
func get[T any](k *kit, url string) []T {
	k.tb.Helper()
	resp, err := http.Get(url)
	if err != nil {
		k.tb.Fatal(err)
	}
	defer resp.Body.Close()
	var values []T
	for d := json.NewDecoder(resp.Body); ; {
		var v T
		if err := d.Decode(&v); errors.Is(err, io.EOF) {
			return values
		} else if err != nil {
			k.tb.Fatal(err)
		}
		values = append(values, v)
	}
}

// request is one line of the simulator's log.
type request struct {
	At              time.Time
	Method          string
	Path            string
	ClientRequestID string
	TokenID         string
	Body            string
	Status          int
	Fault           string
	WaitedMs        float64 // latency on the way back
}

// patches are the updates that Graph saw; a run's canary is also read.
func patches(k *kit, root string) []request {
	k.tb.Helper()
	return slices.DeleteFunc(get[request](k, root+"/_sim/requests"), func(r request) bool { return r.Method != "PATCH" })
}

// sample writes a CSV of that many rows and returns its path.
func (k *kit) sample(rows int) string {
	k.tb.Helper()
	path := filepath.Join(k.dir, "sample-"+strconv.Itoa(rows)+".csv")
	f, err := os.Create(path)
	if err != nil {
		k.tb.Fatal(err)
	}
	cmd := exec.CommandContext(k.tb.Context(), filepath.Join(k.bin, "sample"), "-rows", strconv.Itoa(rows))
	cmd.Stdout = f
	if r := k.finish(cmd); r.code != 0 {
		k.tb.Fatal(r)
	}
	if err := f.Close(); err != nil {
		k.tb.Fatal(err)
	}
	return path
}

// write writes a file into the kit's folder and returns its path.
func (k *kit) write(name, content string) string {
	k.tb.Helper()
	path := filepath.Join(k.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		k.tb.Fatal(err)
	}
	return path
}

// until waits for something to become true.
func (k *kit) until(what string, ok func() bool) {
	k.tb.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); {
		if time.Now().After(deadline) {
			k.tb.Fatalf("waited two minutes: %s", what)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-k.tb.Context().Done():
			k.tb.Fatalf("the test ended while waiting: %s", what)
		}
	}
}

// repository returns the repository's folder.
func repository(tb testing.TB) string {
	tb.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		tb.Fatal(err)
	}
	return dir
}
