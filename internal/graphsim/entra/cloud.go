package entra

import (
	"slices"
	"strings"
)

// cloud is one of Microsoft's clouds. Its login hosts give out tokens for its
// Graph and for no other.
type cloud struct {
	graph  string
	logins []string
}

// clouds follows Microsoft's documentation on national deployments. The two
// clouds of the US government share a login host, so hosts may stand twice.
var clouds = []cloud{
	{graph: "graph.microsoft.com", logins: []string{"login.microsoftonline.com"}},
	{graph: "graph.microsoft.us", logins: []string{"login.microsoftonline.us"}},
	{graph: "dod-graph.microsoft.us", logins: []string{"login.microsoftonline.us"}},
	{graph: "microsoftgraph.chinacloudapi.cn", logins: []string{"login.partner.microsoftonline.cn", "login.chinacloudapi.cn"}},
}

// IsGraph reports whether host, without a port, is Graph in one of the clouds.
func IsGraph(host string) bool {
	return slices.ContainsFunc(clouds, func(c cloud) bool { return c.graph == strings.ToLower(host) })
}

// IsLogin reports whether host, without a port, is the login service of one of
// the clouds.
func IsLogin(host string) bool {
	return slices.ContainsFunc(clouds, func(c cloud) bool { return slices.Contains(c.logins, strings.ToLower(host)) })
}

// knows reports whether a login host gives out tokens for the audience. One that
// is no cloud's gives them for anything.
func knows(loginHost, audience string) bool {
	if !IsLogin(loginHost) || audience == graphAppID {
		return true
	}
	return slices.ContainsFunc(clouds, func(c cloud) bool {
		return slices.Contains(c.logins, strings.ToLower(loginHost)) && strings.EqualFold(audience, "https://"+c.graph)
	})
}
