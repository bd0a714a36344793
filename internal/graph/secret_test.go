package graph_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/google/uuid"

	"graphpatch/internal/graph"
)

const clientSecret = "client-secret-4712"

// TestNothingShowsASecret prints everything that holds one, in every way there is.
func TestNothingShowsASecret(t *testing.T) {
	t.Parallel()
	logins := newAuthority(t)
	config := configFor(serve(t, func(http.ResponseWriter, *http.Request) {}).URL)
	credentials := logins.credentials()
	credentials.Token, credentials.CertificatePassword = graph.NewSecret(token), graph.NewSecret(clientSecret)
	config.Tokens = logins.tokens(t)
	client := newClient(t, config)
	if err := client.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	issued, err := config.Tokens.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	logins.answers(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "you sent "+r.Form.Encode(), http.StatusBadRequest)
	})
	_, refusal := logins.tokens(t).Token(t.Context())
	device := logins.deviceCredentials(t)
	logins.asUser("ada")
	login(t, device)
	logins.answers(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "you sent "+r.Form.Encode(), http.StatusBadRequest)
	})
	_, deviceRefusal := newTokens(t, device).Token(t.Context())
	_, codeRefusal := graph.DeviceLogin(t.Context(), device, func(string) error { return nil })
	brought := configFor("https://graph.microsoft.com")
	holders := map[string]any{
		"secret":             graph.NewSecret(clientSecret),
		"a slice of them":    []graph.Secret{graph.NewSecret(clientSecret)},
		"unexported":         struct{ s graph.Secret }{graph.NewSecret(clientSecret)},
		"credentials":        credentials,
		"credentials at":     &credentials,
		"login":              config.Tokens,
		"issued token":       issued,
		"token's facts":      client.Token(),
		"token error":        &graph.TokenError{Err: refusal},
		"login refused":      deviceRefusal,
		"code refused":       codeRefusal,
		"user's login":       newTokens(t, device),
		"refused":            &graph.RefusedError{Err: refusal},
		"token":              graph.StaticToken(token),
		"config with login":  config,
		"config with token":  brought,
		"client with login":  client,
		"client with token":  newClient(t, brought),
		"exchange":           patch(t, client),
		"exchange by token":  patch(t, newClient(t, configFor(config.Root))),
		"refused connection": patch(t, newClient(t, configFor("http://127.0.0.1:1"))),
	}
	for name, holder := range holders {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%20v", "%!"} {
			checkHides(t, name+" "+format, fmt.Sprintf(format, holder))
		}
		if text, err := json.Marshal(holder); err == nil {
			checkHides(t, name+" as JSON", string(text))
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("", "holder", holder)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("", "holder", holder)
		checkHides(t, name+" in the log", log.String())
	}
}

func ExampleClient_Format() {
	client, err := graph.New(graph.Config{
		Root: "https://graph.microsoft.com", Version: "beta", Timeout: graph.MaxTimeout, UserAgent: "example/1", Connections: 1,
		Tokens: graph.StaticToken("eyJ0eXAi"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	fmt.Printf("%v %+v\n", client, client)
	// Output: graph.Client(https://graph.microsoft.com/beta) graph.Client(https://graph.microsoft.com/beta)
}

func checkHides(t *testing.T, name, text string) {
	t.Helper()
	for _, secret := range []string{token, clientSecret, issuedToken, deviceCode, refreshToken} {
		for _, form := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret)} {
			if strings.Contains(text, form) {
				t.Errorf("%s shows %s: %.200s", name, secret, text)
			}
		}
	}
}

// TestPanicsShowNoSecret lets a program die with everything that holds a secret on its stack.
func TestPanicsShowNoSecret(t *testing.T) {
	t.Parallel()
	logins := newAuthority(t)
	config := configFor("https://graph.microsoft.com")
	config.Tokens = logins.tokens(t)
	checkToken(t, config.Tokens, issuedToken)
	for _, holder := range []any{logins.credentials(), config, config.Tokens, graph.StaticToken(token), newClient(t, config)} {
		func() {
			defer func() { checkHides(t, "panic", fmt.Sprintf("%v %#v\n%s", recover(), holder, debug.Stack())) }()
			panic(holder)
		}()
	}
	defer func() { checkHides(t, "panic", fmt.Sprint(recover())) }()
	target := plain()
	target.Route = "nowhere"
	newClient(t, config).Patch(t.Context(), target, wanted(t), uuid.New())
}

func TestNoSecret(t *testing.T) {
	t.Parallel()
	if got := graph.Secret(nil).Reveal(); got != "" {
		t.Errorf("got %q", got)
	}
	if got := graph.NewSecret("open").Reveal(); got != "open" {
		t.Errorf("got %q", got)
	}
	for _, s := range []graph.Secret{nil, graph.NewSecret("open")} {
		if got := fmt.Sprintf("%v", s); got != "***" {
			t.Errorf("got %q", got)
		}
	}
}

func TestTokensThatWereBroughtAlongWrongly(t *testing.T) {
	t.Parallel()
	const damaged = "GRAPH_ACCESS_TOKEN holds white space or characters that no token has"
	for text, want := range map[string]string{
		"eyJ0eXAi.eyJ0aWQi.c2ln": "",
		"opaque":                 "",
		"EwB4A8l6BAAU+/==":       "",
		"":                       "GRAPH_ACCESS_TOKEN is empty",
		"Bearer eyJ0":            `GRAPH_ACCESS_TOKEN begins with the word "Bearer": leave it out`,
		"bearer eyJ0":            `GRAPH_ACCESS_TOKEN begins with the word "Bearer": leave it out`,
		"eyJ0\n":                 damaged,
		"eyJ0\r":                 damaged,
		" eyJ0":                  damaged,
		"eyJ0 eyJ0":              damaged,
		"eyJ0\x00":               damaged,
		"\ufeffeyJ0":             damaged,
	} {
		config := configFor("https://graph.microsoft.com")
		config.Tokens = graph.StaticToken(text)
		_, err := graph.New(config)
		if (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func ExampleSecret() {
	secret := graph.NewSecret("hunter2")
	fmt.Printf("%v %+v %#v\n", secret, struct{ Password graph.Secret }{secret}, secret)
	fmt.Println(secret.Reveal())
	// Output:
	// *** {Password:***} ***
	// hunter2
}
