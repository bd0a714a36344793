package graph_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"graphpatch/internal/graph"
)

// asUser answers the logins of a user: with a code that somebody enters after a while, and with refresh tokens.
func (a *authority) asUser(user string) {
	var polls atomic.Int32
	a.answers(func(w http.ResponseWriter, r *http.Request) {
		if r.Form.Get("grant_type") == "device_code" && polls.Add(1) < 2 {
			refusing(http.StatusBadRequest, 70016, "authorization_pending")(w, r)
			return
		}
		id := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"s","oid":"` + user + `","tid":"` + tenant.String() + `","preferred_username":"` + user + `@contoso.example"}`))
		info, _ := json.Marshal(map[string]string{"uid": user, "utid": tenant.String()})
		writeJSON(w, map[string]any{
			"token_type": "Bearer", "expires_in": 3599, "access_token": issuedToken, "scope": r.Form.Get("scope"),
			"refresh_token": refreshToken + "-" + user, "id_token": "e30." + id + ".", "client_info": base64.RawURLEncoding.EncodeToString(info),
		})
	})
}

func (a *authority) deviceCredentials(t testing.TB) graph.CredentialConfig {
	t.Helper()
	config := a.credentials()
	config.Kind, config.Secret, config.CacheFile = graph.DeviceCode, nil, filepath.Join(t.TempDir(), "deep", "login.json")
	return config
}

func login(t testing.TB, config graph.CredentialConfig) (shown string) {
	t.Helper()
	info, err := graph.DeviceLogin(t.Context(), config, func(message string) error {
		shown = message
		return nil
	})
	if err != nil || !strings.HasSuffix(info.User, "@contoso.example") || info.Tenant != tenant {
		t.Fatalf("got %+v, %v", info, err)
	}
	return shown
}

// TestDeviceLogin tells of a login, its use, its renewal, another's login in between, and the logout.
func TestDeviceLogin(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	config := a.deviceCredentials(t)
	if in, err := graph.LoggedIn(config.CacheFile, tenant, "client-1"); in || err != nil {
		t.Fatalf("before: %v, %v", in, err)
	}
	a.asUser("ada")
	if got, want := login(t, config), "Open https://login.example/device and enter ABCD-1234."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for file, want := range map[string]os.FileMode{config.CacheFile: 0o600, filepath.Dir(config.CacheFile): 0o700} {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: got %v, %v, want %v", file, info.Mode(), err, want)
		}
	}
	for app, want := range map[string]bool{"client-1": true, "CLIENT-1": true, "client-2": false} {
		if in, err := graph.LoggedIn(config.CacheFile, tenant, app); in != want || err != nil {
			t.Errorf("%s: got %v, %v", app, in, err)
		}
	}

	tokens, beside := newTokens(t, config), newTokens(t, config)
	checkToken(t, tokens, issuedToken)
	a.checkForm(t, map[string]string{"grant_type": "refresh_token", "refresh_token": refreshToken + "-ada", "claims": declaresCP1})
	if scope := a.form.Load().Get("scope"); !strings.Contains(scope, "https://graph.microsoft.us/DeviceManagementConfiguration.ReadWrite.All") {
		t.Errorf("got the scope %q", scope)
	}
	a.asUser("eve")
	login(t, config)
	for _, source := range []graph.TokenSource{tokens, beside} {
		if err := source.Renew(t.Context(), 1, ""); err != nil {
			t.Error(err)
		}
		a.checkForm(t, map[string]string{"refresh_token": refreshToken + "-eve"})
	}

	user, removed, err := graph.Logout(config.CacheFile)
	if user != "eve@contoso.example" || !removed || err != nil {
		t.Errorf("got %q, %v, %v", user, removed, err)
	}
	if _, removed, err := graph.Logout(config.CacheFile); removed || err != nil {
		t.Errorf("again: %v, %v", removed, err)
	}
	if _, err := newTokens(t, config).Token(t.Context()); err == nil || !strings.Contains(err.Error(), `run "worker login"`) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(config.CacheFile); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file came back: %v", err)
	}
}

// TestProcessesShareALogin lets many use and renew one login at once: the file is whole at every moment.
func TestProcessesShareALogin(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	config := a.deviceCredentials(t)
	a.asUser("ada")
	login(t, config)
	together(8, func() {
		tokens := newTokens(t, config)
		for number := range int64(3) {
			if _, err := tokens.Token(t.Context()); err != nil {
				t.Error(err)
			}
			tokens.Accepted(number + 1)
			if err := tokens.Renew(t.Context(), number+1, ""); err != nil {
				t.Error(err)
			}
		}
	})
	if entries, err := os.ReadDir(filepath.Dir(config.CacheFile)); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	checkToken(t, newTokens(t, config), issuedToken)
}

func TestDeviceLoginThatFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"no public client": {refusing(http.StatusUnauthorized, 7000218, "invalid_client"), "does not allow public client flows"},
		"code expired":     {refusing(http.StatusBadRequest, 70020, "expired_token"), "The code has expired before anybody entered it"},
		"declined":         {refusing(http.StatusBadRequest, 65001, "invalid_grant"), "Nobody has consented"},
	} {
		a := newAuthority(t)
		a.answers(test.answer)
		config := a.deviceCredentials(t)
		_, err := graph.DeviceLogin(t.Context(), config, func(string) error { return nil })
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
		if _, err := os.Stat(config.CacheFile); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: a login was kept: %v", name, err)
		}
	}
	a := newAuthority(t)
	ctx, interrupt := context.WithCancelCause(t.Context())
	_, err := graph.DeviceLogin(ctx, a.deviceCredentials(t), func(string) error {
		interrupt(errors.New("interrupted"))
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("got %v", err)
	}
	a.grants("e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"tid":"99999999-2222-4333-8444-555555555555"}`)) + ".")
	if _, err := graph.DeviceLogin(t.Context(), a.deviceCredentials(t), func(string) error { return nil }); err == nil {
		t.Error("a login to another tenant was kept")
	}
}

// TestLoginThatIsNoLongerGood tells who can help: whoever logs in again.
func TestLoginThatIsNoLongerGood(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	config := a.deviceCredentials(t)
	a.asUser("ada")
	login(t, config)
	for _, number := range []int{700082, 50173, 50076, 4711} {
		a.answers(refusing(http.StatusBadRequest, number, "invalid_grant"))
		if _, err := newTokens(t, config).Token(t.Context()); err == nil || !strings.Contains(err.Error(), `run "worker login" again.`) {
			t.Errorf("%d: got %v", number, err)
		}
	}
}

func TestLoginFilesThatCannotWork(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	for name, test := range map[string]struct {
		spoil func(file string) error
		want  string
	}{
		"open to others":  {func(file string) error { return os.Chmod(file, 0o640) }, "can be read or changed by others (mode 0640)"},
		"something else":  {func(file string) error { return os.WriteFile(file, []byte("{}"), 0o600) }, `was not written by "worker login"`},
		"half a file":     {func(file string) error { return os.Truncate(file, 100) }, `was not written by "worker login"`},
		"another app's":   {replaceIn("client-1", "client-2"), "holds a login for the tenant " + tenant.String() + " and the app client-2"},
		"without a cache": {replaceIn(`"cache":"`, `"cache":"!!!!`), `was not written by "worker login"`},
		"another account": {replaceIn(`"account":"ada`, `"account":"bob`), "holds no account"},
	} {
		config := a.deviceCredentials(t)
		a.asUser("ada")
		login(t, config)
		if err := test.spoil(config.CacheFile); err != nil {
			t.Fatal(err)
		}
		_, err := newTokens(t, config).Token(t.Context())
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), config.CacheFile) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
		checkHides(t, name, fmt.Sprint(err))
		if _, err := os.Stat(config.CacheFile); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	theirs := writeFile(t, []byte("their own"))
	if _, removed, err := graph.Logout(theirs); removed || err == nil || !strings.Contains(err.Error(), "it is left alone") {
		t.Errorf("got %v, %v", removed, err)
	}
	if in, err := graph.LoggedIn(theirs, tenant, "client-1"); in || err == nil || !strings.HasPrefix(err.Error(), "GRAPHPATCH_TOKEN_CACHE: ") {
		t.Errorf("got %v, %v", in, err)
	}
}

func replaceIn(from, to string) func(string) error {
	return func(file string) error {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return os.WriteFile(file, []byte(strings.Replace(string(text), from, to, 1)), 0o600)
	}
}
