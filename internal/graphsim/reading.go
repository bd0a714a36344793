package graphsim

import (
	"net/http"
)

func (x *exchange) get(target route) (answer, error) {
	if !acceptsJSON(x.request.Header.Values("Accept")) {
		return answer{}, notAcceptable()
	}
	switch target.resource {
	case statusCollection:
		return x.listStatuses(target)
	case configurationCollection:
		return x.listConfigurations(target)
	case statusOverview:
		return x.overview(target), nil
	}
	properties, ok := x.world.store.get(target.key, target.statusID)
	if !ok {
		return answer{}, notFound()
	}
	return x.showStatus(target, properties), nil
}

// overviewObject is deviceConfigurationUserOverview.
type overviewObject struct {
	Context              string `json:"@odata.context"`
	ID                   string `json:"id"`
	PendingCount         int    `json:"pendingCount"`
	NotApplicableCount   int    `json:"notApplicableCount"`
	SuccessCount         int    `json:"successCount"`
	ErrorCount           int    `json:"errorCount"`
	FailedCount          int    `json:"failedCount"`
	LastUpdateDateTime   string `json:"lastUpdateDateTime"`
	ConfigurationVersion int    `json:"configurationVersion"`
}

// overview counts every status of the plain route under exactly one heading, so
// that the counts add up to the length of the listing. Which heading a value
// belongs under is not documented; this is the plain reading of the words.
func (x *exchange) overview(target route) answer {
	n, changed := x.world.store.tally(target.key)
	object := overviewObject{
		Context:              x.context(target, "userStatusOverview/$entity"),
		ID:                   target.key.configuration,
		PendingCount:         n["unknown"] + n["notAssigned"],
		NotApplicableCount:   n["notApplicable"],
		SuccessCount:         n["compliant"] + n["remediated"],
		ErrorCount:           n["error"],
		FailedCount:          n["nonCompliant"] + n["conflict"],
		LastUpdateDateTime:   changed.UTC().Format("2006-01-02T15:04:05.9999999Z07:00"), // the service counts in 100 ns,
		ConfigurationVersion: 1,
	}
	return answer{status: http.StatusOK, body: mustMarshal(object)}
}
