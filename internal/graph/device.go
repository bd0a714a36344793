package graph

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/cache"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"
)

// permission is what a user has to delegate.
const permission = "DeviceManagementConfiguration.ReadWrite.All"

func (c CredentialConfig) userScopes() []string {
	return []string{strings.TrimRight(c.Cloud.Root, "/") + "/" + permission}
}

// publicApp is an app that keeps no secret: a user logs in through it.
func (c CredentialConfig) publicApp(client *http.Client, keep cache.ExportReplace) (public.Client, error) {
	app, err := public.New(c.ClientID,
		public.WithAuthority(c.authority()),
		public.WithHTTPClient(client),
		public.WithClientCapabilities(capabilities),
		public.WithInstanceDiscovery(false),
		public.WithCache(keep))
	if err != nil {
		return app, fmt.Errorf("AZURE_AUTHORITY_HOST, AZURE_TENANT_ID, AZURE_CLIENT_ID: %w", err)
	}
	return app, nil
}

// DeviceLogin lets a person log in with a browser anywhere, and keeps the login in config.CacheFile. show is given the
// address and the code; then it waits until they were entered, or ctx ends, or the code does (a quarter of an hour).
// What it returns is known of the token it got. The error is a *TokenError.
func DeviceLogin(ctx context.Context, config CredentialConfig, show func(message string) error) (TokenInfo, error) {
	if err := config.checkDevice(); err != nil {
		return TokenInfo{}, err
	}
	client, kept := newLoginClient(config.CA), &memoryCache{}
	defer client.CloseIdleConnections()
	app, err := config.publicApp(client, kept)
	if err != nil {
		return TokenInfo{}, err
	}
	facts := config.facts()
	code, err := app.AcquireTokenByDeviceCode(ctx, config.userScopes())
	if err != nil {
		return TokenInfo{}, &TokenError{Err: facts.explain(ctx, err, time.Now())}
	}
	if err := show(code.Result.Message); err != nil {
		return TokenInfo{}, err
	}
	result, err := code.AuthenticationResult(ctx)
	if err != nil {
		return TokenInfo{}, &TokenError{Err: facts.explainCode(ctx, err, code.Result.ExpiresOn)}
	}
	return config.keepLogin(result, kept.text)
}

func (c CredentialConfig) checkDevice() error {
	var faults []error
	if c.ClientID == "" {
		faults = append(faults, errors.New("AZURE_CLIENT_ID is not set: it names the app to log in to"))
	}
	if c.CacheFile == "" {
		faults = append(faults, errors.New("GRAPHPATCH_TOKEN_CACHE is empty: it names the file to keep the login in"))
	}
	return errors.Join(append(faults, checkAuthority(c.Cloud.Authority))...)
}

// explainCode tells a code that nobody entered from other failures.
func (f loginFacts) explainCode(ctx context.Context, err error, end time.Time) error {
	if ctx.Err() == nil && !time.Now().Before(end) {
		return &loginError{text: `nobody entered the code in time: run "worker login" again`, definite: true}
	}
	return f.explain(ctx, err, time.Now())
}

// keepLogin writes the login into the file, once it has proved to be for the tenant and app that were asked for.
func (c CredentialConfig) keepLogin(result public.AuthResult, kept []byte) (TokenInfo, error) {
	claims := readToken(result.AccessToken)
	if err := claims.check(c.Tenant, c.ClientID); err != nil {
		return TokenInfo{}, &TokenError{Err: err}
	}
	login := cachedLogin{
		WrittenBy: cacheWriter, Tenant: c.Tenant, App: c.ClientID,
		User: result.Account.PreferredUsername, Account: result.Account.HomeAccountID, Cache: kept,
	}
	info := claims.info(TokenInfo{Kind: DeviceCode, Tenant: c.Tenant, App: c.ClientID, Expires: result.ExpiresOn})
	if info.User == "" {
		info.User = login.User
	}
	return info, login.write(c.CacheFile)
}

// deviceLogin uses the login that a person made, silently. Who that is, is looked up each time: another person may have
// logged in meanwhile.
func (c CredentialConfig) deviceLogin(facts *loginFacts) (login, error) {
	if err := c.checkDevice(); err != nil {
		return nil, err
	}
	client := newLoginClient(c.CA)
	app, err := c.publicApp(client, fileCache{c.CacheFile})
	if err != nil {
		return nil, err
	}
	known := *facts
	return func(ctx context.Context, claims string) (grant, error) {
		defer client.CloseIdleConnections()
		account, err := c.cachedAccount(ctx, app)
		if err != nil {
			return grant{}, &loginError{text: err.Error(), definite: true}
		}
		result, err := app.AcquireTokenSilent(ctx, c.userScopes(), public.WithSilentAccount(account), public.WithClaims(orNoClaims(claims)))
		if err != nil {
			return grant{}, known.explain(ctx, err, time.Now())
		}
		return grant{text: NewSecret(result.AccessToken), expires: result.ExpiresOn}, nil
	}, nil
}

// cachedAccount finds the account of the login that the file holds now.
func (c CredentialConfig) cachedAccount(ctx context.Context, app public.Client) (public.Account, error) {
	login, err := readCache(c.CacheFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return public.Account{}, errors.New(`nobody is logged in any more: run "worker login"`)
	case err != nil:
		return public.Account{}, fmt.Errorf("GRAPHPATCH_TOKEN_CACHE: %w", err)
	case !login.isFor(c.Tenant, c.ClientID):
		return public.Account{}, fmt.Errorf(`%s holds a login for the tenant %s and the app %s: run "worker login"`, c.CacheFile, login.Tenant, login.App)
	}
	accounts, err := app.Accounts(ctx)
	if err != nil {
		return public.Account{}, fmt.Errorf("GRAPHPATCH_TOKEN_CACHE: %s cannot be understood: run \"worker login\" again", c.CacheFile)
	}
	for _, account := range accounts {
		if account.HomeAccountID == login.Account {
			return account, nil
		}
	}
	return public.Account{}, fmt.Errorf(`%s holds no account: run "worker login" again`, c.CacheFile)
}
