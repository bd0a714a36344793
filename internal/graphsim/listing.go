package graphsim

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// collectionPage is one page of a listing.
type collectionPage struct {
	Context  string `json:"@odata.context"`
	NextLink string `json:"@odata.nextLink,omitempty"`
	Value    any    `json:"value"`
}

// listing is how a page turns out: how many of the objects found are on it, and
// where it says the next one is.
type listing struct {
	place pagePlace
	found int
	shown int
	next  string // "" ends the listing
}

// listStatuses answers one page. Query options other than $skiptoken are ignored
// without a word, as the service does.
func (x *exchange) listStatuses(target route) (answer, error) {
	place, err := readSkipToken(x.request.URL.Query())
	if err != nil {
		return answer{}, err
	}
	items, more := x.world.store.page(target.key, place.position, x.config.PageSize)
	page := x.listing(place, len(items), more)
	value := make([]statusObject, page.shown)
	for i := range value {
		value[i] = statusObject{Type: odataType, ID: items[i].id, Properties: items[i].properties}
	}
	return x.showPage(x.context(target, "userStatuses"), page, value), nil
}

// configurationObject is as little of a deviceConfiguration as finds it.
type configurationObject struct {
	Type string `json:"@odata.type"`
	ID   string `json:"id"`
}

// listConfigurations names the configurations that have statuses.
func (x *exchange) listConfigurations(target route) (answer, error) {
	place, err := readSkipToken(x.request.URL.Query())
	if err != nil {
		return answer{}, err
	}
	ids, more := x.world.store.configurationPage(place.position, x.config.PageSize)
	page := x.listing(place, len(ids), more)
	value := make([]configurationObject, page.shown)
	for i := range value {
		value[i] = configurationObject{Type: "#microsoft.graph.deviceConfiguration", ID: ids[i]}
	}
	return x.showPage(x.root()+"/"+target.version+"/$metadata#deviceManagement/deviceConfigurations", page, value), nil
}

func (x *exchange) showPage(context string, page listing, value any) answer {
	return answer{status: http.StatusOK, body: mustMarshal(collectionPage{Context: context, NextLink: page.next, Value: value})}
}

// listing lets the fault that the request met, if any, have its way with the page.
func (x *exchange) listing(place pagePlace, found int, more bool) listing {
	page := listing{place: place, found: found, shown: found}
	if more {
		page.next = x.pageLink(pagePlace{position: place.position + found})
	}
	if x.fault.page != nil {
		x.fault.page(x, &page)
	}
	return page
}

func (x *exchange) pageLink(place pagePlace) string {
	return x.root() + x.logged.Path + "?$skiptoken=" + place.skipToken()
}

// pagePlace is where a page begins. The detours are empty pages on the way
// there: they make the link of each another one, because a client may take a
// link that comes again for a loop.
type pagePlace struct {
	position, detours int
}

// skipToken hides the place, so that nobody counts on its form.
func (p pagePlace) skipToken() string {
	text := "p" + strconv.Itoa(p.position)
	if p.detours > 0 {
		text += "d" + strconv.Itoa(p.detours)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

func readSkipToken(query url.Values) (pagePlace, error) {
	if !query.Has("$skiptoken") {
		return pagePlace{}, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(query.Get("$skiptoken"))
	rest, marked := strings.CutPrefix(string(text), "p")
	digits, more, detoured := strings.Cut(rest, "d")
	position, notNumber := strconv.Atoi(digits)
	place := pagePlace{position: position}
	if detoured && notNumber == nil {
		place.detours, notNumber = strconv.Atoi(more)
	}
	if err != nil || !marked || notNumber != nil || place.position < 0 || place.detours < 0 {
		return pagePlace{}, badRequest("The skip token is not valid.")
	}
	return place, nil
}
