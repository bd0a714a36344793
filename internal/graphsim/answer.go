package graphsim

import (
	"cmp"
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	jsonType = "application/json; odata.metadata=minimal; odata.streaming=true; IEEE754Compatible=false; charset=utf-8"

	// agsDiagnostic looks like Graph's; nothing in it means anything.
	agsDiagnostic = `{"ServerInfo":{"DataCenter":"North Europe","Slice":"E","Ring":"4","ScaleUnit":"000","RoleInstance":"DB1PEPF00000001"}}`
)

// toAnswer turns the end of an exchange into what goes back.
func (x *exchange) toAnswer(good answer, err error) answer {
	if err == nil {
		return good
	}
	p, ok := errors.AsType[problem](err)
	if !ok {
		return answer{reset: true} // errReset, and errClientLeft where it makes no difference
	}
	return answer{status: p.status, headers: p.headers, body: p.body(x.logged.RequestID, x.clientRequestID(), x.at)}
}

// clientRequestID is echoed; Graph puts its own id where there is none.
func (x *exchange) clientRequestID() string {
	return cmp.Or(x.logged.ClientRequestID, x.logged.RequestID)
}

func (x *exchange) record(out answer) {
	x.logged.Status = out.status
	x.logged.Body = string(x.body)
	x.world.log.add(&x.logged)
	x.world.tally.count(&x.logged, x.throttled)
}

func (x *exchange) send(w http.ResponseWriter, out answer) {
	if out.reset {
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
	for name, value := range out.headers {
		h.Set(name, value)
	}
	w.WriteHeader(out.status)
	_, _ = w.Write(out.body) // a client that left is no fault of ours
}

// cut ends the connection with a TCP reset where there is a TCP connection to
// get hold of, otherwise as hard as the server can.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
