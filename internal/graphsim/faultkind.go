package graphsim

import (
	"fmt"
	"net/http"
	"strings"
)

// faultKind is one way to fail. Exactly one of instead, afterwards, forgets and
// page says what happens.
type faultKind struct {
	name string
	help string // one line
	only audience

	instead    func(*exchange) answer         // nothing is carried out
	afterwards func(*exchange, answer) answer // of a PATCH that was applied
	forgets    bool                           // of a PATCH that was not, although its answer says so
	page       func(*exchange, *listing)      // of a collection
}

type faultGroup struct {
	heading string
	kinds   []faultKind
}

// faultGroups is the table of what --fault and scripts can do.
var faultGroups = []faultGroup{
	{"Refused, to be tried again later", []faultKind{
		{name: "429", help: "too many requests, with the configured Retry-After", instead: refuseUntil(tooManyRequests(), asConfigured)},
		{name: "429-bare", help: "429 without Retry-After", instead: refuse(tooManyRequests())},
		{name: "429-decimal", help: "429, Retry-After: 0.249", instead: refuseUntil(tooManyRequests(), always("0.249"))},
		{name: "429-comma", help: "429, Retry-After: 0,120", instead: refuseUntil(tooManyRequests(), always("0,120"))},
		{name: "429-date", help: "429, Retry-After is a date 2 s after the answer's own Date", instead: refuseUntil(tooManyRequests(), dateAfter(2))},
		{name: "429-past", help: "429, Retry-After is a date an hour ago", instead: refuseUntil(tooManyRequests(), dateAfter(-3600))},
		{name: "429-garbage", help: "429, Retry-After: soon", instead: refuseUntil(tooManyRequests(), always("soon"))},
		{name: "429-long", help: "429, Retry-After: 315", instead: refuseUntil(tooManyRequests(), always("315"))},
		{name: "429-two", help: "429 with two Retry-After, 1 and 2", instead: refuseUntil(tooManyRequests(), always("1", "2"))},
		{name: "429-odd", help: "429 whose body says UnknownError, its message JSON inside JSON, with the configured Retry-After", instead: refuseUntil(oddTooManyRequests(), asConfigured)},
		{name: "503", help: "service unavailable, with the configured Retry-After", instead: refuseUntil(intuneProblem(http.StatusServiceUnavailable, "ServiceUnavailable", intuneMessage), asConfigured)},
		{name: "503-bare", help: "503 without Retry-After", instead: refuse(intuneProblem(http.StatusServiceUnavailable, "ServiceUnavailable", intuneMessage))},
	}},
	{"Failed, as it passes", []faultKind{
		{name: "408", help: "request timeout", instead: refuse(problem{status: http.StatusRequestTimeout, code: "RequestTimeout", message: "The request timed out."})},
		{name: "409", help: "conflict", instead: refuse(intuneProblem(http.StatusConflict, "Conflict", intuneMessage))},
		{name: "412", help: "precondition failed, code ConditionNotMet", instead: refuse(intuneProblem(http.StatusPreconditionFailed, "ConditionNotMet", intuneMessage))},
		{name: "423", help: "locked", instead: refuse(problem{status: http.StatusLocked, code: "resourceLocked", message: "The resource that is being accessed is locked."})},
		{name: "500", help: "internal server error", instead: refuse(serverError())},
		{name: "502", help: "bad gateway", instead: refuse(problem{status: http.StatusBadGateway, code: "BadGateway"})},
		{name: "504", help: "gateway timeout", instead: refuse(gatewayTimeout())},
		{name: "509", help: "bandwidth limit exceeded", instead: refuse(problem{status: 509, code: "activityLimitReached", message: "The bandwidth limit was exceeded."})},
		{name: "reset", help: "the TCP connection is reset without an answer", instead: deliver(cutOff)},
		{name: "hang", help: "no answer until the client gives up, 120 s at most", instead: deliver(never)},
	}},
	{"Refused for good", []faultKind{
		{name: "403", help: "forbidden", instead: refuse(intuneProblem(http.StatusForbidden, "Forbidden", intuneMessage))},
		{name: "404", help: "not found", instead: refuse(intuneProblem(http.StatusNotFound, "ResourceNotFound", intuneMessage))},
		{name: "noop", help: "PATCH only: 400, at least 1 property must be changed", only: patches, instead: refuse(nothingChanged())},
		{name: "unrouted", help: "400, no method matches the route template", instead: func(x *exchange) answer { return x.refusal(noRoute(x.request.Method)) }},
		{name: "segment", help: "400, resource not found for the segment", instead: refuse(unknownSegment("userStatuses"))},
		{name: "scope", help: "403, the application lacks DeviceManagementConfiguration.ReadWrite.All", instead: refuse(intuneProblem(http.StatusForbidden, "Forbidden", missingScope))},
		{name: "licence", help: "403, the request is not applicable to this tenant", instead: refuse(problem{status: http.StatusForbidden, code: "Forbidden", message: "Request not applicable to target tenant."})},
		{name: "expired", help: "401, the token is expired", instead: refuse(unauthorized("Lifetime validation failed, the token is expired."))},
		{name: "claims", help: "401 with a claims challenge of continuous access evaluation", instead: challenge},
		{name: "301", help: "moved permanently, to " + elsewherePath + " on another host", instead: redirect(http.StatusMovedPermanently)},
		{name: "307", help: "temporary redirect to the same", instead: redirect(http.StatusTemporaryRedirect)},
	}},
	{"Odd bodies", []faultKind{
		{name: "html", help: "502 with a page of HTML", instead: htmlPage},
		{name: "empty", help: "500 without a body", instead: emptyBody},
		{name: "huge", help: "500 with more than 5 MiB of JSON", instead: hugeBody},
		{name: "nested", help: "500 whose message is JSON inside JSON", instead: refuse(problem{status: http.StatusInternalServerError, code: "InternalServerError", message: intuneMessage, intune: true, twice: true})},
		{name: "truncated-error", help: "500 whose JSON ends in the middle", instead: truncatedError},
	}},
	hostileFaults(),
	{"PATCH only: applied, or not, and told otherwise", []faultKind{
		{name: "500-applied", help: "the PATCH is applied, then 500", only: patches, afterwards: answerAfterwards(refuse(serverError()))},
		{name: "504-applied", help: "the PATCH is applied, then 504", only: patches, afterwards: answerAfterwards(refuse(gatewayTimeout()))},
		{name: "reset-applied", help: "the PATCH is applied, then the TCP connection is reset", only: patches, afterwards: answerAfterwards(deliver(cutOff))},
		{name: "truncated", help: "the PATCH is applied; of its 200 only half the body comes, less than Content-Length says", only: patches, afterwards: delivered(half)},
		{name: "slow-body", help: "the PATCH is applied; the body of its 200 trickles, complete, over --slow-body-time", only: patches, afterwards: delivered(slowly)},
		{name: "drip", help: "the PATCH is applied; the body of its 200 comes a byte a second", only: patches, afterwards: delivered(dripping)},
		{name: "204", help: "the PATCH is applied, and nothing more is said", only: patches, afterwards: answerAfterwards(noContent)},
		{name: "unstuck", help: "200 with the wanted values, but nothing was stored", only: patches, forgets: true},
	}},
	{"GET of a collection only", []faultKind{
		{name: "loop-link", help: "the next link is the page's own", only: listings, page: loopLink},
		{name: "foreign-link", help: "the next link is on another host", only: listings, page: foreignLink},
		{name: "empty-page", help: "a page without values, whose next link goes on", only: listings, page: emptyPage},
		{name: "short-list", help: "the listing ends early without a word; the overview says more", only: listings, page: shortList},
	}},
}

func findFaultKind(name string) (faultKind, bool) {
	for _, group := range faultGroups {
		for _, kind := range group.kinds {
			if kind.name == name {
				return kind, true
			}
		}
	}
	return faultKind{}, false
}

func faultKindNames() []string {
	var names []string
	for _, group := range faultGroups {
		for _, kind := range group.kinds {
			names = append(names, kind.name)
		}
	}
	return names
}

// FaultHelp lists every kind of fault under its heading, one to a line.
func FaultHelp() string {
	var text strings.Builder
	for _, group := range faultGroups {
		fmt.Fprintf(&text, "%s:\n", group.heading)
		for _, kind := range group.kinds {
			fmt.Fprintf(&text, "  %-16s%s\n", kind.name, kind.help)
		}
	}
	return text.String()
}
