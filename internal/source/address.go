package source

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/microsoft/go-mssqldb/msdsn"

	"graphpatch/internal/userstatus"
)

// The servers that can be asked.
const (
	postgresServer  = "postgres"
	mysqlServer     = "mysql" // MariaDB too
	sqlServerServer = "sqlserver"
)

// connectPatience is how long a server may take to answer at all.
const connectPatience = 10 * time.Second

// Address is where a database is, and the credentials for it. It shows itself without them.
type Address struct {
	Server   string // postgres, mysql or sqlserver
	Host     string // with the port, unless it is the usual one
	Database string
	User     string

	password  string
	postgres  *pgconn.Config
	mysql     *mysql.Config
	sqlserver *msdsn.Config
}

// AddressError tells why an address cannot be used. It holds and wraps nothing of what stands where a password may stand.
type AddressError struct{ Reason string }

func (e *AddressError) Error() string { return "the database's URL " + e.Reason }

// ParseAddress reads a URL of one of the servers. The error is an *AddressError.
func ParseAddress(text string) (*Address, error) {
	scheme, _, ok := strings.Cut(text, "://")
	if !ok {
		return nil, &AddressError{"has the form postgres://user:password@host:5432/database, mysql://… or sqlserver://…"}
	}
	var a *Address
	var err error
	switch scheme {
	case "postgres", "postgresql":
		a, err = parsePostgres(text)
	case "mysql", "mariadb":
		a, err = parseMySQL(text)
	case "sqlserver":
		a, err = parseSQLServer(text)
	default:
		return nil, &AddressError{"begins with none of postgres://, mysql://, mariadb:// and sqlserver://"}
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// String returns where the database is: host/database.
func (a *Address) String() string {
	if a.Database == "" {
		return a.Host
	}
	return a.Host + "/" + a.Database
}

// GoString keeps %#v from showing more than String.
func (a *Address) GoString() string { return a.String() }

const escapeIt = "; special characters of the user's name and the password are written as %XX"

// parseURL reads what all URLs have in common.
func parseURL(text string) (*url.URL, url.Values, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, nil, &AddressError{"cannot be read" + escapeIt}
	}
	// What an unescaped password leaves behind would be taken for a host or a database, whose names are shown.
	if strings.ContainsAny(u.Host+u.Path, "@") {
		return nil, nil, &AddressError{"has an @ where none can be" + escapeIt}
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, nil, &AddressError{"has parameters that cannot be read" + escapeIt}
	}
	return u, query, nil
}

// HasPassword reports whether a URL holds a password, or may do so: what one reader of URLs takes for a fragment or a path may be a
// password to another.
func HasPassword(text string) bool {
	_, rest, _ := strings.Cut(text, "://")
	if at := strings.LastIndex(rest, "@"); at >= 0 && strings.Contains(rest[:at], ":") {
		return true
	}
	_, query, err := parseURL(text)
	if err != nil {
		return strings.ContainsAny(rest, "@%") || namesPassword(rest)
	}
	for name := range query {
		if namesPassword(name) {
			return true
		}
	}
	return false
}

func namesPassword(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "password") || strings.Contains(text, "pwd")
}

func parsePostgres(text string) (*Address, error) {
	_, rest, _ := strings.Cut(text, "://")
	if end := strings.IndexAny(rest, "@/"); end >= 0 && rest[end] == '@' {
		rest = rest[end+1:]
	}
	if strings.Contains(rest, "@") {
		return nil, &AddressError{"has an @ where none can be" + escapeIt}
	}
	cfg, err := pgconn.ParseConfig(text)
	if err != nil {
		return nil, &AddressError{"cannot be read" + escapeIt}
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = connectPatience
	}
	a := &Address{Server: postgresServer, Database: cfg.Database, User: cfg.User, password: cfg.Password, postgres: cfg}
	a.Host = hostPort(cfg.Host, int(cfg.Port), 5432)
	return a, nil
}

// hostPort leaves out what everybody expects. A directory is that of a socket on this machine.
func hostPort(host string, port, usual int) string {
	if strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") {
		return "localhost"
	}
	if port == usual || port == 0 {
		return host
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// mysqlParameters are what a URL of MySQL may ask for.
var mysqlParameters = []string{"tls", "socket"}

func parseMySQL(text string) (*Address, error) {
	u, query, err := parseURL(text)
	if err != nil {
		return nil, err
	}
	for name := range query {
		if !slices.Contains(mysqlParameters, name) {
			return nil, &AddressError{"has the parameter " + userstatus.Quote(name) + ": it takes " + strings.Join(mysqlParameters, " and ")}
		}
	}
	cfg := mysql.NewConfig()
	cfg.User = u.User.Username()
	cfg.Passwd, _ = u.User.Password()
	cfg.DBName = strings.TrimPrefix(u.Path, "/")
	cfg.Net, cfg.Addr = "tcp", net.JoinHostPort(u.Hostname(), portOr(u, "3306"))
	a := &Address{Server: mysqlServer, Database: cfg.DBName, User: cfg.User, password: cfg.Passwd, mysql: cfg}
	port, _ := strconv.Atoi(portOr(u, "3306"))
	a.Host = hostPort(u.Hostname(), port, 3306)
	switch socket := query.Get("socket"); {
	case socket != "":
		cfg.Net, cfg.Addr, a.Host = "unix", socket, "localhost"
	case u.Hostname() == "":
		return nil, &AddressError{"names no host; a socket is given as mysql://user@/database?socket=/path"}
	}
	if cfg.TLSConfig, err = mysqlTLS(query.Get("tls"), cfg.Net); err != nil {
		return nil, err
	}
	cfg.Timeout = connectPatience
	cfg.Logger = &mysql.NopLogger{} // it would write to standard error, beside the error that it returns
	return a, nil
}

func portOr(u *url.URL, usual string) string {
	if p := u.Port(); p != "" {
		return p
	}
	return usual
}

// mysqlTLS is the driver's word for what a URL asks for. Without a word, a server that can is spoken to in TLS.
func mysqlTLS(asked, network string) (string, error) {
	switch {
	case asked == "" && network == "unix":
		return "false", nil
	case asked == "":
		return "preferred", nil
	case slices.Contains([]string{"true", "false", "preferred", "skip-verify"}, asked):
		return asked, nil
	}
	return "", &AddressError{"has tls=" + userstatus.Quote(asked) + ": it takes true, preferred, skip-verify or false"}
}

func parseSQLServer(text string) (*Address, error) {
	u, query, err := parseURL(text)
	if err != nil {
		return nil, err
	}
	if u.Hostname() == "" {
		return nil, &AddressError{"names no host"}
	}
	if query.Has("log") {
		return nil, &AddressError{"has the parameter log, which would show what is sent"}
	}
	if !query.Has("encrypt") {
		// The driver's own default leaves everything but the login in the clear. Microsoft's other drivers encrypt, too.
		query.Set("encrypt", "true")
	}
	query.Set("app name", "graphpatch")
	u.RawQuery = query.Encode()
	cfg, err := msdsn.Parse(u.String())
	if err != nil {
		return nil, &AddressError{"cannot be read: the instance is its path, the database a parameter: sqlserver://user:password@host/instance?database=name"}
	}
	cfg.DialTimeout = connectPatience
	cfg.DisableRetry = true
	cfg.ReadOnlyIntent = cfg.Database != ""
	a := &Address{Server: sqlServerServer, Database: cfg.Database, User: cfg.User, password: cfg.Password, sqlserver: &cfg}
	a.Host = hostPort(cfg.Host, int(cfg.Port), 1433)
	if cfg.Instance != "" {
		a.Host += `\` + cfg.Instance
	}
	return a, nil
}
