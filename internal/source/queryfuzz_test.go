package source

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"graphpatch/internal/userstatus"
)

// Whatever an address looks like, what is said of it does not hold what stands between its first colon and its last @.
func FuzzParseAddress(f *testing.F) {
	for _, text := range []string{
		"postgres://anna:p%40ss@db.example.com:5432/inventory?sslmode=require", "mysql://anna:p@ss@db/inventory?tls=true", "mariadb://a:b/c@[::1]:1/x?socket=/s",
		"sqlserver://CONTOSO%5Canna:p%23@db/SMS?database=CM_P01&encrypt=strict", "sqlserver://a:b@c?log=63", "postgres://a:b%zz@c", "oracle://a:b@c", "://", "",
	} {
		f.Add(text, "s3cret-")
	}
	f.Fuzz(func(t *testing.T, text, secret string) {
		if len(secret) < 6 || strings.Contains("the database's URL", secret) {
			t.Skip()
		}
		head, tail, ok := strings.Cut(text, "@")
		user, _, hasPassword := strings.Cut(strings.TrimPrefix(head, "postgres:"), ":")
		if !ok || !hasPassword || strings.Contains(user+tail, secret) {
			t.Skip()
		}
		text = head + secret + "@" + tail
		a, err := ParseAddress(text)
		switch {
		case err != nil && strings.Contains(err.Error(), secret):
			t.Errorf("%q: %v", text, err)
		case err == nil && strings.Contains(a.String(), secret):
			t.Errorf("%q shows itself as %v", text, a)
		}
		if !HasPassword(text) && err == nil && a.password != "" {
			t.Errorf("%q has the password %q, and is said to have none", text, a.password)
		}
	})
}

// A date and time that gets its zone is one that can be sent, shows the same clock, and is the same instant.
func FuzzInZone(f *testing.F) {
	for _, text := range []string{"2026-11-23 08:15:00", "2026-03-29 02:30:00", "2026-10-25 02:30:00.5", "1890-01-01 00:00:00", "0001-01-01 00:00:00", "infinity", "9999-12-31 23:59:59,9"} {
		f.Add(text, "Europe/Berlin")
		f.Add(text, "-11:45")
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		zone, err := ParseZone(name)
		if err != nil {
			t.Skip()
		}
		given, err := inZone(text, zone)
		if err != nil {
			return
		}
		if _, err := userstatus.ParseDateTime(given); err != nil && !strings.Contains(err.Error(), "outside the years") && !strings.Contains(err.Error(), "beyond ±14:00") {
			t.Fatalf("%q in %s is %q: %v", text, name, given, err)
		}
		at, err := time.Parse(time.RFC3339Nano, given)
		if err != nil {
			return // an offset beyond what Go reads, which was refused above
		}
		if got, want := at.In(zone).Format(localLayout), text[:len(localLayout)]; got != want {
			t.Errorf("%q in %s is %q, where the clock shows %s", text, name, given, got)
		}
	})
}
