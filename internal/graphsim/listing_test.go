package graphsim_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/graphsim"
)

type page struct {
	Context  string `json:"@odata.context"`
	NextLink string `json:"@odata.nextLink"`
	Value    []struct{ ID string }
}

func TestPaging(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 4, 6, 7} {
		sim := newSim(t, graphsim.Config{PageSize: 3})
		var want []string
		for i := range n {
			id := fmt.Sprint("s", n-i) // insertion order is not the order of ids
			want = append(want, id)
			ask(sim, "PATCH", plainRoute+"/"+id, `{"devicesCount":1}`)
		}
		ask(sim, "PATCH", plainRoute+"x/other", `{"devicesCount":1}`)
		var got []string
		pages := 0
		for next := "http://sim.test:99" + plainRoute + "?$filter=ignored"; next != ""; pages++ {
			w := ask(sim, "GET", next, "")
			p := decode[page](t, w.Body)
			for _, status := range p.Value {
				got = append(got, status.ID)
			}
			next = p.NextLink
			if next != "" && !strings.HasPrefix(next, "http://sim.test:99"+plainRoute+"?$skiptoken=") {
				t.Fatalf("next link %s", next)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || pages != max(1, (n+2)/3) {
			t.Errorf("%d statuses on %d pages: %s", n, pages, diff)
		}
	}
}

func TestEmptyCollection(t *testing.T) {
	sim := newSim(t, graphsim.Config{})
	w := ask(sim, "GET", "http://sim.test"+plainRoute, "")
	want := `{"@odata.context":"http://sim.test/beta/$metadata#deviceManagement/deviceConfigurations('c1')/userStatuses","value":[]}`
	if diff := cmp.Diff(want, w.Body.String()); diff != "" || w.Code != http.StatusOK {
		t.Error(w.Code, diff)
	}
}

func TestNextLinkKeepsEncoding(t *testing.T) {
	sim := newSim(t, graphsim.Config{PageSize: 1})
	route := "/beta/deviceManagement/deviceConfigurations/a%2Fb%20c/userStatuses"
	for _, id := range []string{"1", "2"} {
		ask(sim, "PATCH", route+"/"+id, `{"devicesCount":1}`)
	}
	first := decode[page](t, ask(sim, "GET", "https://sim.test"+route, "").Body)
	if !strings.HasPrefix(first.NextLink, "https://sim.test"+route+"?") {
		t.Fatal(first.NextLink)
	}
	second := decode[page](t, ask(sim, "GET", first.NextLink, "").Body)
	if len(second.Value) != 1 || second.Value[0].ID != "2" || second.NextLink != "" {
		t.Errorf("%+v", second)
	}
}

func TestBadSkipTokens(t *testing.T) {
	sim := newSim(t, graphsim.Config{})
	for _, token := range []string{"", "x", "1", "!!", "cA", "cC0x", "cDF4"} { // p, p-1, p1x
		if w := ask(sim, "GET", plainRoute+"?$skiptoken="+token, ""); w.Code != http.StatusBadRequest {
			t.Errorf("%q: %d", token, w.Code)
		}
	}
	if w := ask(sim, "GET", plainRoute+"?$skiptoken=cDk5", ""); w.Code != http.StatusOK { // p99, past the end
		t.Errorf("past the end: %d", w.Code)
	}
}

func TestReadOneStatus(t *testing.T) {
	sim := newSim(t, graphsim.Config{})
	patched := ask(sim, "PATCH", plainRoute+"/s1", documentedBody).Body.String()
	if w := ask(sim, "GET", plainRoute+"/s1", ""); w.Code != http.StatusOK || w.Body.String() != patched {
		t.Error(w.Code, w.Body)
	}
	w := ask(sim, "GET", plainRoute+"/s2", "")
	if e := decode[graphError](t, w.Body); w.Code != http.StatusNotFound || e.Error.Code != "ResourceNotFound" {
		t.Error(w.Code, e)
	}
}

func TestOverview(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, graphsim.Config{})
		statuses := []string{"unknown", "notApplicable", "compliant", "remediated", "nonCompliant", "error", "conflict", "notAssigned", "compliant"}
		for i, status := range statuses {
			ask(sim, "PATCH", fmt.Sprint(plainRoute, "/", i), `{"status":"`+status+`"}`)
		}
		ask(sim, "PATCH", strings.Replace(plainRoute, "/userStatuses", "/rootCertificate/userStatuses/x", 1), `{"status":"error"}`)
		time.Sleep(time.Hour)
		overview := strings.Replace(plainRoute, "userStatuses", "userStatusOverview", 1)
		want := `{"@odata.context":"http://sim.test/beta/$metadata#deviceManagement/deviceConfigurations('c1')/userStatusOverview/$entity","id":"c1",` +
			`"pendingCount":2,"notApplicableCount":1,"successCount":3,"errorCount":1,"failedCount":2,"lastUpdateDateTime":"2000-01-01T00:00:00Z","configurationVersion":1}`
		if diff := cmp.Diff(want, ask(sim, "GET", "http://sim.test"+overview, "").Body.String()); diff != "" {
			t.Error(diff)
		}
		empty := ask(sim, "GET", strings.Replace(overview, "c1", "c2", 1), "").Body.String()
		if !strings.Contains(empty, `"pendingCount":0,"notApplicableCount":0,"successCount":0,"errorCount":0,"failedCount":0,"lastUpdateDateTime":"0001-01-01T00:00:00Z"`) {
			t.Error(empty)
		}
	})
}
