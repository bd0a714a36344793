package graphsim_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"
	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/graphsim"
	"graphpatch/internal/graphsim/entra"
)

func TestLoginByDeviceCode(t *testing.T) {
	site := startCloud(t, entra.Config{Says: time.Second}, graphsim.Config{})
	for _, tenant := range []string{entra.DefaultTenant, "organizations"} {
		app, err := public.New(entra.DefaultApp, public.WithAuthority(site.LoginURL+"/"+tenant), public.WithHTTPClient(site.client), public.WithInstanceDiscovery(false))
		if err != nil {
			t.Fatal(err)
		}
		scopes := []string{"https://graph.microsoft.com/" + entra.DefaultRole}
		code, err := app.AcquireTokenByDeviceCode(t.Context(), scopes)
		if err != nil {
			t.Fatal(err)
		}
		first, err := code.AuthenticationResult(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		site.patch(t, first.AccessToken, http.StatusOK)
		// The token is told to be good for a second only, so that MSAL renews it.
		second, err := app.AcquireTokenSilent(t.Context(), scopes, public.WithSilentAccount(first.Account))
		if err != nil {
			t.Fatal(err)
		}
		site.patch(t, second.AccessToken, http.StatusOK)
		if second.AccessToken == first.AccessToken || second.Account.PreferredUsername != "user@"+entra.Domain {
			t.Errorf("not renewed, or for %q", second.Account.PreferredUsername)
		}
	}
	var got []string
	for _, l := range site.sim.Login().Logins(0) {
		got = append(got, l.Grant+" "+l.Credential+" "+l.Error)
	}
	want := []string{"devicecode  ", "device_code device AADSTS70016", "device_code device ", "refresh_token refresh "}
	if diff := cmp.Diff(got, slices.Concat(want, want)); diff != "" {
		t.Errorf("-got +want\n%s", diff)
	}
}

func TestDeviceCodesThatFail(t *testing.T) {
	for _, test := range []struct {
		login entra.Config
		want  string
	}{
		{entra.Config{Approval: "decline"}, "authorization_declined"},
		{entra.Config{Faults: []entra.Fault{{Kind: "expired-code"}}}, "AADSTS70020"},
		{entra.Config{Faults: []entra.Fault{{Kind: "slow-down", First: 1}}}, ""}, // it goes on asking
		{entra.Config{Roles: []string{entra.NoRole}}, "AADSTS65001"},
	} {
		site := startCloud(t, test.login, graphsim.Config{})
		_, err := site.byDeviceCode(t)
		if test.want == "" && err != nil || err != nil && !strings.Contains(err.Error(), test.want) || err == nil && test.want != "" {
			t.Errorf("%+v: got %v, want %q", test.login, err, test.want)
		}
	}
}

func (c *cloudSite) byDeviceCode(t *testing.T) (public.AuthResult, error) {
	t.Helper()
	app, err := public.New(entra.DefaultApp, public.WithAuthority(c.LoginURL+"/"+entra.DefaultTenant), public.WithHTTPClient(c.client), public.WithInstanceDiscovery(false))
	if err != nil {
		t.Fatal(err)
	}
	code, err := app.AcquireTokenByDeviceCode(t.Context(), []string{graphScope})
	if err != nil {
		t.Fatal(err)
	}
	return code.AuthenticationResult(t.Context())
}

func TestDeviceCodeApprovedByHand(t *testing.T) {
	site := startCloud(t, entra.Config{Approval: "manual"}, graphsim.Config{})
	ended := make(chan error)
	go func() {
		_, err := site.byDeviceCode(t)
		ended <- err
	}()
	for len(site.sim.Login().Logins(1)) == 0 { // a code, and then a poll
		select {
		case err := <-ended:
			t.Fatalf("ended before it was approved: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	site.change(t, `{"approve":true}`)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
