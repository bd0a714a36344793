package postgres

import (
	"net/url"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// URLError tells why a database URL cannot be used. It holds nothing of what
// stands where a password may stand, and wraps nothing, because pgx's own
// error carries the whole URL.
type URLError struct{ Reason string }

func (e *URLError) Error() string { return "database URL: " + e.Reason }

// parseURL reads a database URL with pgx, the pool_* parameters included.
func parseURL(address string) (*pgxpool.Config, error) {
	if err := checkAt(address); err != nil {
		return nil, err
	}
	cfg, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, &URLError{Reason: explain(address)}
	}
	return cfg, nil
}

// checkAt refuses an @ that ends no credentials. It is what an unescaped
// password leaves behind, and the rest of that password would be taken for a
// host or a database, whose names errors show.
func checkAt(address string) error {
	rest, ok := cutScheme(address)
	if !ok {
		return nil
	}
	if end := strings.IndexAny(rest, "@/"); end >= 0 && rest[end] == '@' {
		rest = rest[end+1:]
	}
	if strings.Contains(rest, "@") {
		return &URLError{Reason: "an @ stands where none can be; write it as %40, and a / in a password as %2F"}
	}
	return nil
}

// explain lets pgx name the fault of the same URL without its credentials.
func explain(address string) string {
	const form = "cannot be read; it has the form postgres://user:password@host:5432/database"
	rest, ok := cutScheme(address)
	if !ok {
		return form
	}
	_, rest, ok = strings.Cut(rest, "@")
	if !ok {
		return form + ", special characters of the password as %XX"
	}
	if _, err := pgxpool.ParseConfig("postgres://" + withoutSecrets(rest)); err != nil {
		return err.Error()
	}
	return "the user name or the password cannot be read; write special characters as %XX"
}

func cutScheme(address string) (string, bool) {
	if rest, ok := strings.CutPrefix(address, "postgres://"); ok {
		return rest, true
	}
	return strings.CutPrefix(address, "postgresql://")
}

// HasPassword reports whether a database URL, or libpq's keyword=value form, holds a password, or may do so.
func HasPassword(address string) bool {
	rest, ok := cutScheme(address)
	if !ok {
		return strings.Contains(strings.ToLower(address), "password")
	}
	u, err := url.Parse("postgres://" + rest)
	if err != nil {
		return strings.Contains(rest, "@") || strings.Contains(rest, "%") || strings.Contains(strings.ToLower(rest), "password")
	}
	_, set := u.User.Password()
	return set || withoutSecrets(rest) != rest
}

// withoutSecrets drops the query parameters that hold a password, and those
// whose name cannot be read.
func withoutSecrets(rest string) string {
	head, query, ok := strings.Cut(rest, "?")
	if !ok {
		return rest
	}
	pairs := slices.DeleteFunc(strings.Split(query, "&"), func(pair string) bool {
		key, _, _ := strings.Cut(pair, "=")
		name, err := url.PathUnescape(key)
		return err != nil || strings.Contains(strings.ToLower(name), "password")
	})
	return head + "?" + strings.Join(pairs, "&")
}
