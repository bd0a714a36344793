package graphsim_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/graphsim"
)

const lists = "http://127.0.0.1:99" + plainRoute

// walk follows a listing of six statuses in pages of two, and stops at a link
// that came before or leads to another host.
func walk(t *testing.T, texts ...string) (ids, end string, sim *graphsim.Server) {
	t.Helper()
	sim = newSim(t, graphsim.Config{PageSize: 2, Faults: faults(t, texts...)})
	for i := range 6 {
		ask(sim, "PATCH", fmt.Sprint(plainRoute, "/s", i), `{"devicesCount":1}`)
	}
	seen := map[string]bool{}
	next := lists
	for next != "" && !seen[next] && strings.HasPrefix(next, lists) {
		seen[next] = true
		p := decode[page](t, ask(sim, "GET", next, "").Body)
		ids += fmt.Sprint(len(p.Value))
		next = p.NextLink
	}
	return ids, next, sim
}

func TestListingFaults(t *testing.T) {
	second := lists + "?$skiptoken=cDI" // p2
	for _, test := range []struct {
		faults    []string
		ids, next string
	}{
		{nil, "222", ""},
		{[]string{"loop-link:after=1"}, "22", second},
		{[]string{"loop-link:1"}, "2", lists},
		{[]string{"foreign-link:after=2"}, "222", "http://localhost:99/_sim/elsewhere"},
		{[]string{"empty-page:first=1"}, "0222", ""},
		{[]string{"empty-page:after=1:first=3"}, "200022", ""},
		{[]string{"short-list:1"}, "1", ""},
		{[]string{"short-list:after=1"}, "21", ""},
	} {
		ids, next, _ := walk(t, test.faults...)
		if ids != test.ids || next != test.next {
			t.Errorf("%v: pages of %s, then %q; want %s, %q", test.faults, ids, next, test.ids, test.next)
		}
	}
}

func TestOverviewOfAShortList(t *testing.T) {
	_, _, sim := walk(t, "short-list:1")
	w := ask(sim, "GET", strings.Replace(plainRoute, "userStatuses", "userStatusOverview", 1), "")
	if !strings.Contains(w.Body.String(), `"pendingCount":6`) {
		t.Error(w.Body)
	}
	if n := sim.Stats().Faults["short-list"]; n != 1 {
		t.Errorf("%d were counted", n)
	}
}

func TestConfigurations(t *testing.T) {
	sim := newSim(t, graphsim.Config{PageSize: 2})
	for _, c := range []string{"c2", "c1", "c2/rootCertificate", "c3", "c1/rootCertificate"} {
		ask(sim, "PATCH", "/beta/deviceManagement/deviceConfigurations/"+c+"/userStatuses/s", `{"devicesCount":1}`)
	}
	const path = "/v1.0/deviceManagement/deviceConfigurations"
	var got []string
	for next := "http://sim.test" + path; next != ""; {
		p := decode[page](t, ask(sim, "GET", next, "").Body)
		for _, c := range p.Value {
			got = append(got, c.ID)
		}
		next = p.NextLink
	}
	if diff := cmp.Diff([]string{"c2", "c1", "c3"}, got); diff != "" {
		t.Error(diff)
	}
	want := `{"@odata.context":"http://sim.test/v1.0/$metadata#deviceManagement/deviceConfigurations","value":[]}`
	if diff := cmp.Diff(want, ask(newSim(t, graphsim.Config{}), "GET", "http://sim.test"+path, "").Body.String()); diff != "" {
		t.Error(diff)
	}
	first := ask(sim, "GET", path, "").Body.String()
	if !strings.Contains(first, `"value":[{"@odata.type":"#microsoft.graph.deviceConfiguration","id":"c2"},`) {
		t.Error(first)
	}
	if n := sim.Stats().WorstWindowReads; n != 3 {
		t.Errorf("%d reads were counted", n)
	}
}
