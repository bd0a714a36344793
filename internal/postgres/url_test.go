package postgres

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

const secret = "s3cr3t"

func TestURLErrorsHideThePassword(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ address, want string }{
		{"postgres://user:s3cr3t@host:port/db", "port"},
		{"postgres://user:s3cr3t@host/db?sslmode=sometimes", "sslmode"},
		{"postgres://host:port/db?password=s3cr3t", "has the form"},
		{"postgres://user@host:port/db?password=s3cr3t&sslmode=disable", "invalid port"},
		{"postgres://user@host:port/db?pass%77ord=s3cr3t", "invalid port"},
		{"postgres://user:s3cr3t", "%XX"},
		{"postgres://user:%zzs3cr3t@host/db", "%XX"},
		{"postgres://user:a/s3cr3t@host/db", "%2F"},
		{"postgres://user:12/s3cr3t@host/db", "%2F"},
		{"postgres://user:12?s3cr3t@host/db@", "%40"},
		{"postgres://user:a@s3cr3t@host/db", "%40"},
		{"postgres://user:s3cr3t@host/db?pool_max_conns=many", "pool_max_conns"},
		{"mysql://user:s3cr3t@host/db", "postgres://"},
		{"user:s3cr3t@host", "postgres://"},
		{"host=h user=u password=s3cr3t port=x", "postgres://"},
	} {
		_, err := Open(t.Context(), Config{URL: tt.address})
		fault, ok := errors.AsType[*URLError](err)
		if !ok {
			t.Errorf("%s: got %v, want a *URLError", tt.address, err)
			continue
		}
		if text := fmt.Sprintf("%v %+v %#v", err, fault, fault); strings.Contains(text, secret) {
			t.Errorf("%s: shown in %s", tt.address, text)
		}
		if !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want it to mention %q", tt.address, err, tt.want)
		}
	}
}

func TestConnectErrorsHideThePassword(t *testing.T) {
	t.Parallel()
	_, err := Open(t.Context(), Config{URL: "postgres://user:s3cr3t@127.0.0.1:1/db"})
	if err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v, want an error without the password", err)
	}
}

// FuzzURL puts anything around a password: neither an error nor a name that
// later errors show may hold it.
func FuzzURL(f *testing.F) {
	for _, seed := range [][2]string{{"", ""}, {"a/", ""}, {"12?", ""}, {"a@", "#"}, {"%zz", "["}, {"1,", ",2/"}, {":", ":"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		cfg, err := parseURL("postgres://user:" + before + secret + after + "@host:5432/db")
		if err != nil {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("shown in %v", err)
			}
			return
		}
		shown := []string{cfg.ConnConfig.Host, cfg.ConnConfig.Database, cfg.ConnConfig.User}
		for _, fallback := range cfg.ConnConfig.Fallbacks {
			shown = append(shown, fallback.Host)
		}
		if strings.Contains(strings.Join(shown, " "), secret) {
			t.Errorf("taken for something else: %q", shown)
		}
	})
}

func TestHasPassword(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"":                                          false,
		"postgres://host/db":                        false,
		"postgres://user@host/db":                   false,
		"postgres://user@host/db?passfile=f":        false,
		"postgres://user:secret@host/db":            true,
		"postgresql://user:@host/db":                true,
		"postgres://host/db?user=u&password=secret": true,
		"postgres://host/db?sslpassword=secret":     true,
		"postgres://host/db?pass%77ord=secret":      true,
		"postgres://user:a%zz@host/db":              true,
		"host=h user=u":                             false,
		"host=h user=u PASSWORD=secret":             true,
	} {
		if got := HasPassword(address); got != want {
			t.Errorf("%s: got %v", address, got)
		}
	}
}
