package graphsim

import (
	"cmp"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	jsonType = "application/json; odata.metadata=minimal; odata.streaming=true; IEEE754Compatible=false; charset=utf-8"

	// agsDiagnostic looks like Graph's; nothing in it means anything.
	agsDiagnostic = `{"ServerInfo":{"DataCenter":"North Europe","Slice":"E","Ring":"4","ScaleUnit":"000","RoleInstance":"DB1PEPF00000001"}}`
)

// clientRequestID is echoed; Graph puts its own id where there is none.
func (x *exchange) clientRequestID() string {
	return cmp.Or(x.logged.ClientRequestID, x.logged.RequestID)
}

func (x *exchange) record(out answer) {
	x.logged.Status = out.status
	x.logged.RetryAfter = strings.Join(out.headers["Retry-After"], ", ")
	x.logged.Body = string(x.body)
	x.world.log.add(&x.logged)
	x.world.tally.count(&x.logged, x.throttled)
}

func (x *exchange) send(w http.ResponseWriter, out answer) {
	if out.delivery == never {
		x.hang()
	}
	if out.status == 0 {
		cut(w)
		return
	}
	h := w.Header()
	h.Set("Content-Type", jsonType)
	if out.status >= 400 {
		h.Set("Content-Type", "application/json")
	}
	if x.config.ClockOffset != 0 { // else the server says it, at the last moment
		h.Set("Date", time.Now().Add(x.config.ClockOffset).UTC().Format(http.TimeFormat))
	}
	h.Set("Content-Length", strconv.Itoa(len(out.body)))
	h.Set("request-id", x.logged.RequestID)
	h.Set("client-request-id", x.clientRequestID())
	h.Set("x-ms-ags-diagnostic", agsDiagnostic)
	if out.status == http.StatusNoContent {
		h["Content-Type"], h["Content-Length"] = nil, nil
	}
	maps.Copy(h, x.quota)
	maps.Copy(h, out.headers)
	x.deliver(w, out)
}
