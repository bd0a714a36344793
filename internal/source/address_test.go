package source

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]string{
		"postgres://anna:s3cret@db.example.com/inventory":                        "postgres db.example.com inventory anna",
		"postgresql://anna@db.example.com:5433/inventory?sslmode=verify-full":    "postgres db.example.com:5433 inventory anna",
		"postgres://anna@/inventory?host=/run/postgresql":                        "postgres localhost inventory anna",
		"postgres://anna@[::1]:5433/inventory":                                   "postgres [::1]:5433 inventory anna",
		"mysql://anna:p%40ss%2Fw%3Ard@db.example.com/inventory":                  "mysql db.example.com inventory anna",
		"mariadb://anna@db.example.com:3307/inventory?tls=true":                  "mysql db.example.com:3307 inventory anna",
		"mysql://anna@/inventory?socket=/run/mysqld/mysqld.sock":                 "mysql localhost inventory anna",
		"sqlserver://anna:s3cret@db.example.com?database=CM_P01":                 "sqlserver db.example.com CM_P01 anna",
		"sqlserver://anna@db.example.com:1444?database=CM_P01&encrypt=strict":    "sqlserver db.example.com:1444 CM_P01 anna",
		"sqlserver://anna@db.example.com/SMS?database=CM_P01&encrypt=disable":    `sqlserver db.example.com\SMS CM_P01 anna`,
		"sqlserver://CONTOSO%5Canna:s3cret@db.example.com?database=CM_P01":       `sqlserver db.example.com CM_P01 CONTOSO\anna`,
		"sqlserver://anna@db.example.com?database=CM_P01&dial+timeout=1&guid=no": "sqlserver db.example.com CM_P01 anna",
	} {
		a, err := ParseAddress(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := strings.Join([]string{a.Server, a.Host, a.Database, a.User}, " "); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if shown := fmt.Sprintf(verb, a); shown != a.Host+"/"+a.Database {
				t.Errorf("%s: %s shows %s", text, verb, shown)
			}
		}
	}
}

// Whatever is wrong with an address, what may be a password is not repeated.
func TestAddressesRefused(t *testing.T) {
	const secret = "s3cret"
	for text, want := range map[string]string{
		"":                                     "has the form",
		"host=db user=anna password=" + secret: "has the form",
		"oracle://anna:" + secret + "@db/x":    "begins with none of",
		secret + "://db/x":                     "begins with none of",
		"postgres://anna:" + secret + "@x@db/inventory":    "has an @ where none can be",
		"postgres://anna:" + secret + "/x@db/inventory":    "has an @ where none can be",
		"postgres://anna:" + secret + "%zz@db/inventory":   "cannot be read",
		"postgres://anna:x@db/inventory?sslmode=" + secret: "cannot be read",
		"mysql://anna:" + secret + "/x@db/inventory":       "cannot be read",
		"mysql://anna:" + secret + "%zz@db/inventory":      "cannot be read",
		"mysql://anna:x@/inventory":                        "names no host",
		"mysql://anna:x@db/inventory?tls=perhaps":          "has tls=",
		"mysql://anna:x@db/inventory?allowAllFiles=true":   `has the parameter "allowAllFiles"`,
		"mysql://anna:x@db/inventory?%zz":                  "has parameters that cannot be read",
		"sqlserver://anna:" + secret + "/x@db?database=y":  "cannot be read",
		"sqlserver://anna:" + secret + "#x@db?database=y":  "cannot be read",
		"sqlserver://?database=y":                          "names no host",
		"sqlserver://anna:x@db?log=63":                     "has the parameter log",
		"sqlserver://anna:x@db?encrypt=" + secret:          "cannot be read",
	} {
		a, err := ParseAddress(text)
		if err == nil {
			t.Errorf("%s: taken for %v", text, a)
			continue
		}
		if got := err.Error(); !strings.HasPrefix(got, "the database's URL "+want) || strings.Contains(got, secret) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestHasPassword(t *testing.T) {
	for text, want := range map[string]bool{
		"postgres://anna@db/x": false, "mysql://db/x?tls=true": false, "sqlserver://db?database=x": false, "postgres:///x?host=/run/postgresql": false,
		"postgres://anna:s@db/x": true, "postgres://anna:@db/x": true, "postgres://anna@db/x?password=s": true, "sqlserver://db?PWD=s": true,
		"sqlserver://db?Password=s": true, "postgres://anna:s/@db/x": true, "mysql://anna:s%zz@db/x": true,
		"postgres://anna:#s@db/x": true, "postgres://anna@db/x?passwor%64=s": true, "postgres://anna@db,db2:1/x?password=s": true,
		"postgres://anna@[::1]:5432/x": false,
	} {
		if got := HasPassword(text); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}
