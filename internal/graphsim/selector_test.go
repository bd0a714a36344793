package graphsim_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/graphsim"
)

func TestParseFault(t *testing.T) {
	for text, want := range map[string]graphsim.Fault{
		"429:0.02":                    {Kind: "429", Rate: 0.02},
		"503:2%":                      {Kind: "503", Rate: 0.02},
		"500:100%":                    {Kind: "500", Rate: 1},
		"504:0":                       {Kind: "504"},
		"reset:1":                     {Kind: "reset", Rate: 1},
		"404:status=x":                {Kind: "404", StatusID: "x"},
		"403:status=:=":               {Kind: "403", StatusID: ":="},
		"403:method=GET:status=a:b=c": {Kind: "403", Method: "GET", StatusID: "a:b=c"},
		"429:first=3":                 {Kind: "429", First: 3},
		"429:first=3:after=2":         {Kind: "429", First: 3, After: 2},
		"503:2%:route=identity":       {Kind: "503", Rate: 0.02, Route: "identity"},
		"503:route=identity:2%":       {Kind: "503", Rate: 0.02, Route: "identity"},
		"noop:method=PATCH:status=u1": {Kind: "noop", Method: "PATCH", StatusID: "u1"},
		"short-list:method=GET":       {Kind: "short-list", Method: "GET"},
	} {
		if got, err := graphsim.ParseFault(text); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                       `fault "": want KIND:RATE`,
		"429":                    "want KIND:RATE",
		"429:":                   `"" is not a rate`,
		"429:x":                  `"x" is not a rate`,
		"429:-1":                 "rate -1 is not between",
		"429:1.1":                "rate 1.1 is not between",
		"429:101%":               "rate 1.01 is not between",
		"429:NaN":                "rate NaN is not between",
		"429:status=":            "status is empty",
		"429:route=":             "route is empty",
		"429:route=Root":         `fault 429: route "Root" is unknown: there are plain, root, `,
		"429:method=patch":       `method "patch": there are GET and PATCH`,
		"429:first=0":            `"0" is not a whole number from 1 on`,
		"429:after=-1":           `"-1" is not a whole number`,
		"429:first=1:first=2":    "first was given already",
		"429:1%:2%":              "a rate was given already",
		"429:0%:route=root":      "a rate of 0 with other selectors",
		"429:color=red":          `selector "color" is unknown`,
		"noop:method=GET":        "this kind is for a PATCH only",
		"loop-link:method=PATCH": "this kind is for a GET of a collection only",
		"418:1%":                 `fault kind "418" is unknown: there are 429, `,
		":1%":                    `fault kind "" is unknown`,
		"418:status=x":           `fault kind "418" is unknown`,
	} {
		if got, err := graphsim.ParseFault(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %+v, %v, want %s", text, got, err, want)
		}
	}
}

func FuzzParseFault(f *testing.F) {
	for _, text := range []string{"503:2%", "429:first=3:after=1", "noop:method=PATCH:status=a:b", "500:route=root:0.5"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fault, err := graphsim.ParseFault(text)
		if err != nil {
			return
		}
		if _, err := graphsim.New(graphsim.Config{Faults: []graphsim.Fault{fault}}); err != nil {
			t.Errorf("%q was taken, and refused: %v", text, err)
		}
	})
}

// TestSelectors sends the same requests each time and tells which were hit.
func TestSelectors(t *testing.T) {
	identity := strings.Replace(plainRoute, "/userStatuses", "/identityCertificate/userStatuses", 1)
	requests := []struct{ name, method, path string }{
		{"p1", "PATCH", plainRoute + "/s1"},
		{"g1", "GET", plainRoute + "/s1"},
		{"p2", "PATCH", plainRoute + "/s2"},
		{"i1", "PATCH", identity + "/s1"},
		{"gi", "GET", identity + "/s1"},
		{"l", "GET", plainRoute},
		{"c", "GET", "/beta/deviceManagement/deviceConfigurations"},
		{"wrong", "PATCH", plainRoute + "/s1/more"},
		{"p1", "PATCH", plainRoute + "/s1"},
	}
	for _, test := range []struct {
		faults []string
		want   string // name:fault of each that was hit
	}{
		{[]string{"500:1"}, "p1:500 g1:500 p2:500 i1:500 gi:500 l:500 c:500 wrong:500 p1:500"},
		{[]string{"500:first=2"}, "p1:500 g1:500"},
		{[]string{"500:after=7"}, "wrong:500 p1:500"},
		{[]string{"500:after=1:first=2"}, "g1:500 p2:500"},
		{[]string{"500:method=GET"}, "g1:500 gi:500 l:500 c:500"},
		{[]string{"500:method=PATCH:after=3"}, "wrong:500 p1:500"},
		{[]string{"500:route=identity"}, "i1:500 gi:500"},
		{[]string{"500:route=plain:first=1", "503:route=plain:first=1"}, "p1:500 g1:503"},
		{[]string{"500:status=s1"}, "p1:500 g1:500 i1:500 gi:500 p1:500"},
		{[]string{"500:route=identity:method=GET:status=s1"}, "gi:500"},
		{[]string{"500:first=1:100%"}, "p1:500"},
		{[]string{"429:first=2", "503:first=2", "500:status=s1"}, "p1:429 g1:429 p2:503 i1:503 gi:500 p1:500"}, // the first in order
		{[]string{"500:100%", "503:status=s1"}, "p1:500 g1:500 p2:500 i1:500 gi:500 l:500 c:500 wrong:500 p1:500"},
		{[]string{"503:100%:route=identity", "500:100%:route=plain"}, "p1:500 g1:500 p2:500 i1:503 gi:503 l:500 p1:500"}, // together more than 1
		{[]string{"noop:first=2"}, "p1:noop p2:noop"},
		{[]string{"short-list:100%"}, "l:short-list c:short-list"},
		{[]string{"504:0"}, ""},
	} {
		sim := newSim(t, graphsim.Config{Faults: faults(t, test.faults...)})
		for _, r := range requests {
			body := ""
			if r.method == "PATCH" {
				body = documentedBody
			}
			ask(sim, r.method, r.path, body)
		}
		var hit []string
		for i, logged := range sim.Requests() {
			if logged.Fault != "" {
				hit = append(hit, requests[i].name+":"+logged.Fault)
			}
		}
		if diff := cmp.Diff(test.want, strings.Join(hit, " ")); diff != "" {
			t.Errorf("%v: %s", test.faults, diff)
		}
	}
}

func faults(t *testing.T, texts ...string) []graphsim.Fault {
	t.Helper()
	parsed, err := graphsim.ParseFaults(texts)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// TestEveryRouteHasAName reaches each with its selector alone.
func TestEveryRouteHasAName(t *testing.T) {
	names := []string{"plain", "root", "identity", "identity-root", "ios-scep-root", "wp81-vpn-identity",
		"macos-wired-root", "macos-wired-identity", "windows-eap-identity", "windows-eap-roots"}
	for i, name := range names {
		sim := newSim(t, graphsim.Config{Faults: faults(t, "500:route="+name)})
		for j, route := range documentedRoutes {
			want := 200
			if i == j {
				want = 500
			}
			path := "/beta/deviceManagement/deviceConfigurations/c" + route + "/userStatuses"
			if w := ask(sim, "GET", path, ""); w.Code != want {
				t.Errorf("%s met %s: %d", name, route, w.Code)
			}
		}
	}
}

// TestARateIsOneDraw shows that what befalls one request does not shift others.
func TestARateIsOneDraw(t *testing.T) {
	run := func(texts ...string) string {
		sim := newSim(t, graphsim.Config{Faults: faults(t, texts...), WriteLimit: graphsim.Limit{Requests: 10_000, Window: 1}})
		for i := range 500 {
			ask(sim, "PATCH", fmt.Sprint(plainRoute, "/", i%10), documentedBody)
		}
		var hit strings.Builder
		for i, logged := range sim.Requests() {
			if logged.Fault == "503" {
				fmt.Fprint(&hit, i, " ")
			}
		}
		return hit.String()
	}
	alone := run("503:20%")
	if got := run("500:method=GET", "503:20%"); got != alone {
		t.Error("a fault that never befell shifted the others")
	}
	if got := run("503:20%", "500:30%"); got != alone {
		t.Error("a later fault shifted the one before")
	}
	if got := run("503:20%", "500:status=3"); got != alone {
		t.Error("a permanent fault shifted the others")
	}
}
