package graphsim

import (
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"
)

// Claims is what the claims fault asks a client to ask the login service for,
// decoded. The challenge carries it in base64.
const Claims = `{"access_token":{"nbf":{"essential":true,"value":"1764547200"}}}`

// missingScope is the beginning of what Intune says; the rest is in its form.
const missingScope = "Application is not authorized to perform this operation. Application must have one of the following scopes: DeviceManagementConfiguration.ReadWrite.All"

func intuneProblem(status int, code, message string) problem {
	return problem{status: status, code: code, message: message, intune: true}
}

func serverError() problem {
	return intuneProblem(http.StatusInternalServerError, "InternalServerError", intuneMessage)
}

func gatewayTimeout() problem {
	return problem{status: http.StatusGatewayTimeout, code: "UnknownError"}
}

// oddTooManyRequests is a 429 that only its status tells.
func oddTooManyRequests() problem {
	return problem{status: http.StatusTooManyRequests, code: "UnknownError", message: "Too Many Requests", intune: true, twice: true}
}

// refusal is the answer that a problem stands for.
func (x *exchange) refusal(err error) answer {
	p, ok := errors.AsType[problem](err)
	if !ok {
		return answer{delivery: cutOff} // the client left, so it makes no difference
	}
	out := answer{status: p.status, headers: http.Header{}, body: p.body(x.logged.RequestID, x.clientRequestID(), x.at)}
	for name, value := range p.headers {
		out.headers.Set(name, value)
	}
	return out
}

func refuse(err error) func(*exchange) answer {
	return func(x *exchange) answer { return x.refusal(err) }
}

// refuseUntil adds Retry-After, in as many headers as there are values.
func refuseUntil(p problem, retryAfter func(*exchange, http.Header)) func(*exchange) answer {
	return func(x *exchange) answer {
		out := x.refusal(p)
		retryAfter(x, out.headers)
		return out
	}
}

func asConfigured(x *exchange, h http.Header) {
	if x.config.FaultRetryAfter != "none" {
		h.Set("Retry-After", x.config.FaultRetryAfter)
	}
}

func always(values ...string) func(*exchange, http.Header) {
	return func(_ *exchange, h http.Header) { h["Retry-After"] = values }
}

// dateAfter sets Date too, otherwise a second might pass between the two.
func dateAfter(seconds int) func(*exchange, http.Header) {
	return func(x *exchange, h http.Header) {
		date := x.at.Add(x.waited).UTC()
		h.Set("Date", date.Format(http.TimeFormat))
		h.Set("Retry-After", date.Add(time.Duration(seconds)*time.Second).Format(http.TimeFormat))
	}
}

func deliver(how delivery) func(*exchange) answer {
	return func(*exchange) answer { return answer{delivery: how} }
}

// delivered sends the answer as it is, in another way.
func delivered(how delivery) func(*exchange, answer) answer {
	return func(_ *exchange, out answer) answer {
		out.delivery = how
		return out
	}
}

// answerAfterwards forgets the answer of the PATCH for another.
func answerAfterwards(other func(*exchange) answer) func(*exchange, answer) answer {
	return func(x *exchange, _ answer) answer { return other(x) }
}

func noContent(*exchange) answer { return answer{status: http.StatusNoContent} }

// challenge is hard to read on purpose: the header that matters comes second,
// its fields are in no usual order, and one of them lacks its quotes.
func challenge(x *exchange) answer {
	out := x.refusal(unauthorized("Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp"))
	const login, client = "https://login.microsoftonline.com/common/oauth2/authorize", "00000003-0000-0000-c000-000000000000"
	out.headers["Www-Authenticate"] = []string{
		`PoP realm="", authorization_uri="` + login + `", client_id="` + client + `"`,
		`Bearer claims="` + base64.StdEncoding.EncodeToString([]byte(Claims)) + `", authorization_uri=` + login + `, error="insufficient_claims", realm="", client_id="` + client + `"`,
	}
	return out
}

// elsewherePath is where nobody may bring a token; see Stats.
const elsewherePath = "/_sim/elsewhere"

// elsewhere is the same place under another name, which to a client is another
// host.
func (x *exchange) elsewhere() string {
	scheme, host, _ := strings.Cut(x.root(), "://")
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = host, ""
	}
	other := "localhost"
	if name == other {
		other = "127.0.0.1"
	}
	if port != "" {
		other = net.JoinHostPort(other, port)
	}
	return scheme + "://" + other + elsewherePath
}

func redirect(status int) func(*exchange) answer {
	return func(x *exchange) answer {
		return answer{status: status, headers: http.Header{"Location": {x.elsewhere()}, "Content-Type": nil}}
	}
}

func htmlPage(*exchange) answer {
	return answer{
		status: http.StatusBadGateway, headers: http.Header{"Content-Type": {"text/html; charset=utf-8"}},
		body: []byte("<!DOCTYPE html>\r\n<html><head><title>502 Bad Gateway</title></head>\r\n<body><h1>502 Bad Gateway</h1><hr>Microsoft-Azure-Application-Gateway/v2</body></html>\r\n"),
	}
}

func emptyBody(*exchange) answer {
	return answer{status: http.StatusInternalServerError, headers: http.Header{"Content-Type": nil}}
}

func hugeBody(x *exchange) answer {
	return x.refusal(problem{status: http.StatusInternalServerError, code: "InternalServerError", message: strings.Repeat("An error has occurred. ", 5<<20/22)})
}

func truncatedError(x *exchange) answer {
	out := x.refusal(serverError())
	out.body = out.body[:len(out.body)/2]
	return out
}

// loopLink leads back to the page it is on.
func loopLink(x *exchange, page *listing) {
	page.next = x.root() + x.logged.Path
	if x.logged.Query != "" {
		page.next += "?" + x.logged.Query
	}
}

func foreignLink(x *exchange, page *listing) { page.next = x.elsewhere() }

func emptyPage(x *exchange, page *listing) {
	page.shown = 0
	page.next = x.pageLink(pagePlace{position: page.place.position, detours: page.place.detours + 1})
}

// shortList drops at least one of what is there.
func shortList(_ *exchange, page *listing) {
	page.shown /= 2
	page.next = ""
}
