package graphsim

import (
	"net/url"
	"strings"
	"testing"
)

func FuzzParseLimit(f *testing.F) {
	for _, s := range []string{"100/20s", "1/1ns", "0/1s", "10000001/1s", "1/-1s", "/", "1e3/1s", "5/1h2m3.5s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		limit, err := ParseLimit(s)
		if err != nil {
			return
		}
		if limit.Requests < 1 || limit.Requests > maxLimitRequests || limit.Window <= 0 {
			t.Errorf("%q: got %s", s, limit)
		}
		if again, err := ParseLimit(limit.String()); err != nil || again != limit {
			t.Errorf("%q: got %s, and of that %s, %v", s, limit, again, err)
		}
	})
}

// FuzzParseRoute holds what a path is understood as against the path that is made of it again.
func FuzzParseRoute(f *testing.F) {
	for _, path := range []string{
		"/beta/deviceManagement/deviceConfigurations", "/v1.0/deviceManagement/deviceConfigurations/c/userStatuses/s",
		"/beta/deviceManagement/deviceConfigurations/c/rootCertificate/userStatuses/%2e%2e", "/beta/deviceManagement/deviceConfigurations/%2F/userStatuses/",
		"/beta/deviceManagement/deviceConfigurations/c/microsoft.graph.windowsWifiEnterpriseEAPConfiguration/rootCertificatesForServerValidation/w/userStatuses/s%00",
		"/beta/deviceManagement/deviceConfigurations/c/userStatusOverview", "//", "/beta/deviceManagement/deviceConfigurations/c/userStatuses/%zz", "",
	} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		r, err := parseRoute("PATCH", path)
		if err != nil {
			if text := err.Error(); text == "" {
				t.Errorf("%q is refused without a word", path)
			}
			return
		}
		if r.resource == oneStatus && (r.statusID == "" || r.key.configuration == "") {
			t.Errorf("%q: got %+v", path, r)
		}
		again, err := parseRoute("PATCH", r.path())
		if err != nil || again != r {
			t.Errorf("%q: got %+v, and of %q %+v, %v", path, r, r.path(), again, err)
		}
	})
}

// path writes the route as a client would.
func (r route) path() string {
	segments := []string{r.version, "deviceManagement", "deviceConfigurations"}
	if r.resource == configurationCollection {
		return "/" + strings.Join(segments, "/")
	}
	segments = append(segments, url.PathEscape(r.key.configuration))
	if r.key.navigation != "" {
		segments = append(segments, strings.Split(r.key.navigation, "/")[1:]...)
	}
	if r.key.certificateID != "" {
		segments = append(segments, url.PathEscape(r.key.certificateID))
	}
	switch r.resource {
	case statusOverview:
		segments = append(segments, "userStatusOverview")
	case statusCollection:
		segments = append(segments, "userStatuses")
	default:
		segments = append(segments, "userStatuses", url.PathEscape(r.statusID))
	}
	return "/" + strings.Join(segments, "/")
}

func FuzzSkipToken(f *testing.F) {
	for _, s := range []string{"cDE", "cDFkMg", "", "cC0x", "cDk5OTk5OTk5OTk5OTk5OTk5OTk", "!"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		place, err := readSkipToken(url.Values{"$skiptoken": {s}})
		if err != nil {
			return
		}
		if place.position < 0 || place.detours < 0 {
			t.Errorf("%q: got %+v", s, place)
		}
		if again, err := readSkipToken(url.Values{"$skiptoken": {place.skipToken()}}); err != nil || again != place {
			t.Errorf("%q: got %+v, and of that %+v, %v", s, place, again, err)
		}
	})
}
