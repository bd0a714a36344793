package entra

import (
	"net/url"
	"slices"
	"strings"
)

// scope is what a token is asked for: permissions of one audience.
type scope struct {
	audience string // without a slash at its end
	names    []string
}

// everything stands for all that was granted already.
const everything = ".default"

// aboutTheUser are OpenID's scopes. They belong to no audience, and clients add
// them to whatever they ask for.
var aboutTheUser = []string{"openid", "profile", "offline_access", "email"}

// parseScope reads names separated by spaces. One without an audience is meant
// for Graph, as Entra takes it. ok is false where Entra would refuse.
func parseScope(text string) (s scope, ok bool) {
	for _, part := range strings.Fields(text) {
		if slices.Contains(aboutTheUser, part) {
			continue
		}
		audience, name := splitScope(part)
		if name == "" || !isAudience(audience) || s.audience != "" && s.audience != audience {
			return scope{}, false
		}
		s.audience = audience
		s.names = append(s.names, name)
	}
	alone := len(s.names) == 1 || !slices.Contains(s.names, everything)
	return s, len(s.names) > 0 && alone
}

func splitScope(part string) (audience, name string) {
	slash := strings.LastIndexByte(part, '/')
	if slash < 0 {
		return "https://graph.microsoft.com", part
	}
	return strings.TrimRight(part[:slash], "/"), part[slash+1:]
}

func isAudience(text string) bool {
	if text == graphAppID {
		return true
	}
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && u.RawQuery == ""
}

// isDefault is what an app must ask for, because its roles are granted once and
// for all.
func (s scope) isDefault() bool { return len(s.names) == 1 && s.names[0] == everything }

// granted are the names asked for that were consented to.
func (s scope) granted(consented []string) []string {
	if s.isDefault() {
		return consented
	}
	return slices.DeleteFunc(slices.Clone(s.names), func(name string) bool { return !slices.Contains(consented, name) })
}

// wire is the form in which an answer says what was granted. What was asked for
// with /.default is said too, as Entra does.
func (s scope) wire(granted []string) string {
	names := granted
	if s.isDefault() {
		names = append(slices.Clone(granted), everything)
	}
	full := make([]string, len(names))
	for i, name := range names {
		full[i] = s.audience + "/" + name
	}
	return strings.Join(full, " ")
}
