package graphsim

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

func (x *exchange) get(target route) (answer, error) {
	if !acceptsJSON(x.request.Header.Values("Accept")) {
		return answer{}, notAcceptable()
	}
	switch target.resource {
	case statusCollection:
		return x.list(target)
	case statusOverview:
		return x.overview(target), nil
	}
	properties, ok := x.world.store.get(target.key, target.statusID)
	if !ok {
		return answer{}, notFound()
	}
	return x.showStatus(target, properties), nil
}

// statusPage is one page of a listing.
type statusPage struct {
	Context  string         `json:"@odata.context"`
	NextLink string         `json:"@odata.nextLink,omitempty"`
	Value    []statusObject `json:"value"`
}

// list answers one page. Query options other than $skiptoken are ignored
// without a word, as the service does.
func (x *exchange) list(target route) (answer, error) {
	from, err := readSkipToken(x.request.URL.Query())
	if err != nil {
		return answer{}, err
	}
	items, more := x.world.store.page(target.key, from, x.config.PageSize)
	page := statusPage{Context: x.context(target, "userStatuses"), Value: make([]statusObject, len(items))}
	for i, it := range items {
		page.Value[i] = statusObject{Type: odataType, ID: it.id, Properties: it.properties}
	}
	if more {
		page.NextLink = x.root() + x.logged.Path + "?$skiptoken=" + skipToken(from+len(items))
	}
	return answer{status: http.StatusOK, body: mustMarshal(page)}, nil
}

// skipToken hides a position, so that nobody counts on its form.
func skipToken(position int) string {
	return base64.RawURLEncoding.EncodeToString([]byte("p" + strconv.Itoa(position)))
}

func readSkipToken(query url.Values) (position int, err error) {
	if !query.Has("$skiptoken") {
		return 0, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(query.Get("$skiptoken"))
	digits, marked := strings.CutPrefix(string(text), "p")
	position, notNumber := strconv.Atoi(digits)
	if err != nil || !marked || notNumber != nil || position < 0 {
		return 0, badRequest("The skip token is not valid.")
	}
	return position, nil
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
