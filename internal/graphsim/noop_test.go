package graphsim_test

import (
	"net/http"
	"strings"
	"testing"

	"graphpatch/internal/graphsim"
)

func TestPatchThatChangesNothing(t *testing.T) {
	sim := newSim(t, graphsim.Config{NoOp400: true})
	for _, step := range []struct {
		body string
		want int
	}{
		{`{"status":"unknown"}`, 200}, // it creates the status
		{`{"status":"unknown"}`, 400},
		{`{"status":"unknown","devicesCount":0,"userDisplayName":null}`, 400},
		{`{"userDisplayName":""}`, 200},
		{`{"userDisplayName":""}`, 400},
		{`{"userDisplayName":null}`, 200},
		{`{"userPrincipalName":"a"}`, 200},
		{`{"userPrincipalName":"a","status":"error"}`, 200},
		{`{"lastReportedDateTime":"2026-01-01T00:00:00Z"}`, 200},
		{`{"lastReportedDateTime":"2026-01-01T02:00:00.0+02:00"}`, 400}, // the same instant
		{`{"lastReportedDateTime":"2026-01-01T00:00:00.0000001Z"}`, 200},
	} {
		w := ask(sim, "PATCH", plainRoute+"/s1", step.body)
		if w.Code != step.want {
			t.Errorf("%s: %d, want %d", step.body, w.Code, step.want)
		}
		if w.Code == http.StatusBadRequest && !strings.Contains(w.Body.String(), "Invalid patch, at least 1 property must be changed.") {
			t.Errorf("%s: %s", step.body, w.Body)
		}
	}
	if got := sim.Stats(); got.Applied != 7 {
		t.Errorf("%+v", got)
	}
}
