package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"graphpatch/internal/graphsim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs the command until stop, and returns its address.
func start(t *testing.T, env []string, args ...string) (baseURL string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, args, env, strings.NewReader(""), in, io.Discard)
		in.CloseWithError(err)
		ended <- err
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	return baseURLIn(t, line), stop
}

func baseURLIn(t *testing.T, line string) string {
	t.Helper()
	found := regexp.MustCompile(`^graphsim listening on (http://127\.0\.0\.1:[0-9]+)\n$`).FindStringSubmatch(line)
	if found == nil {
		t.Fatalf("the first line is %q", line)
	}
	return found[1]
}

func get(t *testing.T, url string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestFlagsWinOverEnvironment(t *testing.T) {
	env := []string{"GRAPHSIM_WRITE_LIMIT=5/1s", "GRAPHSIM_READ_LIMIT=7/2s", "GRAPHSIM_STATUSES=3", "GRAPHSIM_TOKEN="}
	url, stop := start(t, env, "--addr", "127.0.0.1:0", "--read-limit", "8/3s")
	defer stop()
	got := get(t, url+"/_sim/stats")
	want := `"writeLimit":5,"writeWindowSeconds":1,"readLimit":8,"readWindowSeconds":3,"statuses":3,`
	if !strings.Contains(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSeveralValuesInOneVariable(t *testing.T) {
	env := []string{"GRAPHSIM_ADDR=127.0.0.1:0", `GRAPHSIM_FAULT=503:status=a\,b,500:1`, "GRAPHSIM_TOKEN=one,two"}
	url, stop := start(t, env)
	defer stop()
	for _, test := range []struct {
		token, id string
		want      int
	}{{"one", "a,b", 503}, {"two", "c", 500}, {"three", "c", 401}} {
		r, err := http.NewRequest("GET", url+"/beta/deviceManagement/deviceConfigurations/c/userStatuses/"+test.id, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+test.token)
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != test.want {
			t.Errorf("%+v: %d", test, answer.StatusCode)
		}
	}
}

func TestFaultyCommandLines(t *testing.T) {
	for _, test := range []struct {
		args []string
		env  []string
		want string
	}{
		{[]string{"--nope"}, nil, "unknown flag --nope"},
		{[]string{"extra"}, nil, "unexpected argument extra"},
		{[]string{"--latency", "soon"}, nil, `--latency: "soon" is no duration such as 20ms, and not recorded`},
		{[]string{"--latency", "recorded"}, nil, `latency recorded: there is no recording`},
		{[]string{"--from-audit", "nowhere.json"}, nil, `--from-audit: open nowhere.json: no such file or directory`},
		{[]string{"--from-audit", "."}, nil, `--from-audit: .: this is no file, and answers are read again when they are played`},
		{[]string{"--from-audit", "testdata/faulty.yaml"}, nil, `--from-audit: testdata/faulty.yaml: event 1: invalid character '#' looking for beginning of value`},
		{nil, []string{"GRAPHSIM_WRITE_LIMIT=3"}, `--write-limit: limit "3": want N/DURATION, for example 100/20s`},
		{[]string{"--addr", "0.0.0.0:0"}, nil, `address "0.0.0.0:0" is not loopback: the simulator must not be reachable by others, unless it is made public on purpose`},
		{[]string{"--window", "round", "--any-limit", "3", "--other-app", "1/1s"}, nil, `--any-limit: limit "3": want N/DURATION, for example 100/20s
window "round" is unknown: there are rolling, fixed, bucket
other app 1/1s: there is no tenant limit that it could use`},
		{[]string{"--script", "testdata/faulty.yaml"}, nil, "--script: script line 2: a rule without answers\nscript line 3: a rule has no \"answer\""},
		{[]string{"--script", "testdata/none.yaml"}, nil, "--script: open testdata/none.yaml: no such file or directory"},
		{
			[]string{"--write-limit", "x/1s", "--read-limit", "0/1s", "--fault", "418:1", "--fault", "500:2", "--page-size=-1"}, nil,
			`--write-limit: limit "x/1s": "x" is not a whole number
--read-limit: limit 0/1s: the number of requests must be 1 to 10000000
--fault: fault kind "418" is unknown: there are ` + faultKinds() + `
--fault: fault 500: rate 2 is not between 0 and 1
page size -1: must not be negative`,
		},
	} {
		var stdout strings.Builder
		err := run(t.Context(), test.args, test.env, nil, &stdout, io.Discard)
		if err == nil || err.Error() != test.want || stdout.Len() > 0 {
			t.Errorf("%v: got %v\nand on stdout %q", test.args, err, &stdout)
		}
		if exitCode(err) != 2 {
			t.Errorf("%v: exit code %d", test.args, exitCode(err))
		}
	}
}

func faultKinds() string {
	var kinds []string
	for _, line := range strings.Split(graphsim.FaultHelp(), "\n") {
		if strings.HasPrefix(line, "  ") {
			kinds = append(kinds, strings.Fields(line)[0])
		}
	}
	return strings.Join(kinds, ", ")
}

// TestScriptFile plays a file, whose lines survive the help too.
func TestScriptFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "script.yaml")
	if err := os.WriteFile(file, []byte(graphsim.ScriptHelp), 0o600); err != nil {
		t.Fatal(err)
	}
	url, stop := start(t, []string{"GRAPHSIM_SCRIPT=" + file}, "--addr", "127.0.0.1:0", "--token", "t")
	defer stop()
	r, err := http.NewRequest("GET", url+"/beta/deviceManagement/deviceConfigurations", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer t")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusTooManyRequests {
		t.Error(answer.Status)
	}
}

func TestHelp(t *testing.T) {
	var stdout strings.Builder
	if err := run(t.Context(), []string{"--help"}, nil, nil, &stdout, io.Discard); err != nil {
		t.Fatal(err)
	}
	wanted := []string{"Usage: graphsim [flags]", "--write-limit=N/DURATION", "Default\n", "100/20s.", "($GRAPHSIM_FAULT_RETRY_AFTER)", "00000000-0000-4000-9000-000000000001"}
	for _, block := range []string{graphsim.FaultHelp(), graphsim.ScriptHelp, strings.Join(graphsim.RouteNames(), "\n")} {
		wanted = append(wanted, strings.Split(strings.TrimSpace(block), "\n")...) // a line that was filled is not found
	}
	for _, want := range wanted {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("no %q in %s", want, &stdout)
		}
	}
}

func TestAddressInUse(t *testing.T) {
	url, stop := start(t, nil, "--addr", "127.0.0.1:0")
	defer stop()
	err := run(t.Context(), []string{"--addr", strings.TrimPrefix(url, "http://")}, nil, nil, io.Discard, io.Discard)
	if !errors.Is(err, syscall.EADDRINUSE) || exitCode(err) != 1 {
		t.Errorf("got %v, exit code %d", err, exitCode(err))
	}
}

// TestSignals runs the real binary, as a script would.
func TestSignals(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "graphsim")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		command := exec.Command(binary, "--addr", "127.0.0.1:0")
		stdout, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		reader := bufio.NewReader(stdout)
		line, err := reader.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if got := get(t, baseURLIn(t, line)+"/_sim/healthz"); got != "ok\n" {
			t.Errorf("healthz: %q", got)
		}
		if err := command.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		rest, _ := io.ReadAll(reader)
		if err := command.Wait(); err != nil || len(rest) > 0 {
			t.Errorf("%s: %v, further output %q", signal, err, rest)
		}
	}
}
