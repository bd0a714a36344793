package graphsim

import (
	"context"
	"net"
	"net/http"
	"time"
)

// delivery is how an answer gets to the client, or does not.
type delivery int

const (
	whole  delivery = iota
	cutOff          // the connection is reset instead
	never           // nothing happens until the client gives up
	slowly          // headers at once, the body little by little
	half            // the connection is closed in the middle of the body

	dripping  // headers at once, the body a byte a second
	endlessly // another body, whose end is not in sight
	hinted    // after more informational answers than anybody wants
)

// maxHang bounds what a client without a timeout can hold open.
const maxHang = 120 * time.Second

// deliver sends the headers, which are set, and the body.
func (x *exchange) deliver(w http.ResponseWriter, out answer) {
	switch out.delivery {
	case endlessly:
		w.Header().Del("Content-Length")
	case hinted:
		hint(w)
	}
	w.WriteHeader(out.status)
	switch out.delivery {
	case slowly:
		x.trickle(w, out.body)
	case dripping:
		x.drip(w, out.body)
	case endlessly:
		pour(w)
	case half:
		_, _ = w.Write(out.body[:len(out.body)/2]) // the server closes what is shorter than was promised
	default:
		_, _ = w.Write(out.body) // a client that left is no fault of ours
	}
}

// trickle sends the body in parts with a wait before each.
func (x *exchange) trickle(w http.ResponseWriter, body []byte) {
	const parts = 10
	flusher := http.NewResponseController(w)
	for i := range parts {
		_ = flusher.Flush()
		if sleep(x.request.Context(), x.config.SlowBodyTime/parts) != nil {
			return
		}
		if _, err := w.Write(body[len(body)*i/parts : len(body)*(i+1)/parts]); err != nil {
			return
		}
	}
}

// hang also ends with the server that the request came through, otherwise it
// would hold up its shutdown.
func (x *exchange) hang() {
	ctx, cancel := context.WithTimeout(x.request.Context(), maxHang)
	defer cancel()
	if server, ok := ctx.Value(http.ServerContextKey).(*http.Server); ok {
		server.RegisterOnShutdown(cancel)
	}
	<-ctx.Done()
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
