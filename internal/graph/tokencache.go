package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/cache"
	"github.com/google/uuid"
)

// cacheWriter marks a file as ours, so that a logout removes nothing else.
const cacheWriter = "graphpatch worker login"

// cachedLogin is what "worker login" keeps: whose login it is, and MSAL's own cache, with the refresh token in it.
type cachedLogin struct {
	WrittenBy string    `json:"writtenBy"`
	Tenant    uuid.UUID `json:"tenant"`
	App       string    `json:"app"`
	User      string    `json:"user"`
	Account   string    `json:"account"` // MSAL's id of the user
	Cache     []byte    `json:"cache"`   // opaque
}

// Format shows nothing of it, whatever the verb.
func (cachedLogin) Format(f fmt.State, _ rune) { writeHidden(f) }

func (l cachedLogin) isFor(tenant uuid.UUID, app string) bool {
	return l.Tenant == tenant && strings.EqualFold(l.App, app)
}

// readCache reads a login. One that others on this machine can read is refused: it may be theirs already.
func readCache(file string) (cachedLogin, error) {
	var login cachedLogin
	info, err := os.Stat(file)
	if err != nil {
		return login, err
	}
	if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return login, fmt.Errorf("%s can be read or changed by others (mode %04o): chmod 600 it if nobody has, else run \"worker logout\" and \"worker login\"", file, info.Mode().Perm())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return login, err
	}
	if err := json.Unmarshal(text, &login); err != nil || login.WrittenBy != cacheWriter {
		return cachedLogin{}, fmt.Errorf("%s was not written by \"worker login\"", file)
	}
	return login, nil
}

// write replaces the file in one step, so that a process that reads it meanwhile finds the old login or the new one.
func (l cachedLogin) write(file string) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(dir, ".login-*") // of mode 0600
	if err != nil {
		return err
	}
	_, err = temp.Write(text)
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}

// LoggedIn reports whether file holds a login for this tenant and app. A file that is there but cannot be used is an
// error: going on as if nobody had logged in would hide why.
func LoggedIn(file string, tenant uuid.UUID, app string) (bool, error) {
	login, err := readCache(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("GRAPHPATCH_TOKEN_CACHE: %w", err)
	}
	return login.isFor(tenant, app), nil
}

// Logout removes the login that file holds, and returns whose it was. removed is false when there was none. A file that
// "worker login" did not write is left alone, and is an error.
func Logout(file string) (user string, removed bool, err error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	var login cachedLogin
	if err == nil && (json.Unmarshal(text, &login) != nil || login.WrittenBy != cacheWriter) {
		err = fmt.Errorf("%s was not written by \"worker login\": it is left alone", file)
	}
	if err != nil {
		return "", false, err
	}
	return login.User, true, os.Remove(file)
}

// fileCache lets MSAL read the login from the file, and write back the refresh token that a login service gives in
// exchange for the old one. Several processes may do so: the file is replaced whole, and the login service takes older
// refresh tokens as well, so it does not matter whose comes last.
type fileCache struct{ file string }

// Replace loads the file into MSAL.
func (c fileCache) Replace(_ context.Context, into cache.Unmarshaler, _ cache.ReplaceHints) error {
	login, err := readCache(c.file)
	if err != nil {
		return err
	}
	return into.Unmarshal(login.Cache)
}

// Export saves what MSAL has into the file, unless a logout has removed that meanwhile.
func (c fileCache) Export(_ context.Context, from cache.Marshaler, _ cache.ExportHints) error {
	login, err := readCache(c.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if login.Cache, err = from.Marshal(); err != nil {
		return err
	}
	return login.write(c.file)
}

// memoryCache keeps what MSAL has for as long as a person takes to enter the code.
type memoryCache struct{ text []byte }

// Replace leaves MSAL's cache as it is: a login starts from nothing.
func (*memoryCache) Replace(context.Context, cache.Unmarshaler, cache.ReplaceHints) error { return nil }

// Export keeps what MSAL has.
func (c *memoryCache) Export(_ context.Context, from cache.Marshaler, _ cache.ExportHints) (err error) {
	c.text, err = from.Marshal()
	return err
}
