package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"graphpatch/internal/graphsim/entra"
)

// startWithLogin runs the command and returns its lines on stdout, of which
// there are n.
func startWithLogin(t *testing.T, n int, args ...string) (lines []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, args, nil, strings.NewReader(""), in, io.Discard)
		in.CloseWithError(err)
		ended <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	reader := bufio.NewReader(out)
	for range n {
		line, err := reader.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}

func matchLine(t *testing.T, line, pattern string) string {
	t.Helper()
	found := regexp.MustCompile(`^` + pattern + `\n$`).FindStringSubmatch(line)
	if found == nil {
		t.Fatalf("got line %q, want %s", line, pattern)
	}
	return found[1]
}

const address = `127\.0\.0\.1:[0-9]+`

func TestLoginFromTheCommandLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	lines := startWithLogin(t, 3, "--addr", "127.0.0.1:0", "--login", "--ca-file", file, "--proxy-addr", "127.0.0.1:0",
		"--login-secret", "other", "--login-fault", "503:first=1", "--token-lifetime", "5m", "--token-says", "2h", "--login-role", "none", "--clock-offset=-1h")
	graph := baseURLIn(t, lines[0])
	login := matchLine(t, lines[1], `login service at (https://`+address+`) \(CA `+regexp.QuoteMeta(file)+`\)`)
	matchLine(t, lines[2], `proxy at (http://`+address+`)`)

	ca, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := get(t, graph+"/_sim/ca"); got != string(ca) {
		t.Errorf("/_sim/ca: got %s, want %s", got, ca)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool}}}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {entra.DefaultApp}, "client_secret": {"other"}, "scope": {"https://graph.microsoft.com/.default"}}
	for _, want := range []string{"AADSTS90033", `"expires_in":7200,`} {
		answer, err := client.PostForm(login+"/"+entra.DefaultTenant+"/oauth2/v2.0/token", form)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if !strings.Contains(string(text), want) {
			t.Errorf("got %s, want %s in it", text, want)
		}
	}
	if stats := get(t, graph+"/_sim/stats"); !strings.Contains(stats, `"logins":1,"loginFailures":1,`) {
		t.Error(stats)
	}
}

func TestCAWithoutAFile(t *testing.T) {
	lines := startWithLogin(t, 2, "--addr", "127.0.0.1:0", "--login")
	graph := baseURLIn(t, lines[0])
	matchLine(t, lines[1], `login service at (https://`+address+`) \(CA `+regexp.QuoteMeta(graph)+`/_sim/ca\)`)
}

func TestFaultyLoginFlags(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--login", "--login-addr", "0.0.0.0:0"}, `login address "0.0.0.0:0" is not loopback: the simulator must not be reachable by others, unless it is made public on purpose`},
		{[]string{"--proxy-addr", "10.0.0.1:1"}, `proxy address "10.0.0.1:1" is not loopback: the simulator must not be reachable by others, unless it is made public on purpose`},
		{[]string{"--login", "--token", "t"}, `tokens: with a login service only its own are accepted`},
		{[]string{"--device-approve", "maybe"}, `--device-approve must be one of "auto","manual","decline" but got "maybe"`},
		{[]string{"--login", "--login-certificate", empty, "--login-fault", "503:2", "--login-tenant", "x", "--token-lifetime", "1ms"},
			`--login-certificate: ` + empty + `: no certificate in it; want PEM
--login-fault: login fault "503:2": want KIND or KIND:first=N, for example 503:first=2
login tenant "x": want a GUID like 11111111-1111-4111-8111-111111111111
token lifetime 1ms: must be whole seconds, at least one
token says 1ms: must be whole seconds, at least one`},
	} {
		err := run(t.Context(), append(test.args, "--addr", "127.0.0.1:0"), nil, nil, io.Discard, io.Discard)
		if err == nil || err.Error() != test.want || exitCode(err) != 2 {
			t.Errorf("%v: got %v, exit code %d", test.args, err, exitCode(err))
		}
	}
}

func TestCAFileThatCannotBeWritten(t *testing.T) {
	err := run(t.Context(), []string{"--addr", "127.0.0.1:0", "--login", "--ca-file", filepath.Join(t.TempDir(), "no", "ca.pem")}, nil, nil, io.Discard, io.Discard)
	if err == nil || exitCode(err) != 1 {
		t.Errorf("got %v, exit code %d", err, exitCode(err))
	}
}

// The app's key may stand in the same file, before or after.
func TestReadPEM(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	block := func(kind string, bytes []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
	}
	file := filepath.Join(t.TempDir(), "app.pem")
	want := server.Certificate()
	text := "Bag Attributes\n" + block("PRIVATE KEY", []byte("key")) + block("CERTIFICATE", want.Raw) + block("CERTIFICATE", want.Raw)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readPEM(file)
	if err != nil || len(got) != 2 || !got[0].Equal(want) || !got[1].Equal(want) {
		t.Errorf("got %d certificates, %v", len(got), err)
	}
}
