package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"graphpatch/internal/audit"
	"graphpatch/internal/cli"
)

type eventCommand struct {
	ID     eventID `arg:"" name:"event" help:"The event, as audit events names it."`
	Output string  `enum:"table,json,raw" default:"table" placeholder:"table|json|raw" help:"For a person, for a program, or the exchange alone as it went over the wire, as far as it is kept (default ${default})."`

	cli.Database
}

// Help is what --help adds; kong calls it.
func (c *eventCommand) Help() string {
	return `Examples:

  audit event 202611000042-17-9f3a61c2

  audit event 202611000042-17-9f3a61c2 --output raw > exchange.http`
}

// Run shows the event.
func (c *eventCommand) Run(ctx context.Context, streams cli.Streams) error {
	return reading(ctx, c.Database, func(a *audit.Audit) error {
		e, err := a.Event(ctx, string(c.ID))
		switch {
		case err != nil:
			return err
		case c.Output == "raw":
			return writeRaw(streams.Out, &e)
		case c.Output == "json":
			return cli.WriteJSON(streams.Out, withBodies(&e))
		}
		e.RequestBody, e.ResponseBody = pretty(e.RequestBody), pretty(e.ResponseBody)
		return writeExchange(streams.Out, &e, viewOf(streams.Out))
	})
}

// pretty is a body in JSON on as many lines as a person wants; another one is left as it is.
func pretty(body []byte) []byte {
	var lines bytes.Buffer
	if err := json.Indent(&lines, body, "", "  "); err != nil {
		return body
	}
	return lines.Bytes()
}

// writeRaw writes request and answer in the form of HTTP/1.1, to the byte. A terminal gets no control characters.
func writeRaw(w io.Writer, e *audit.Event) error {
	var raw bytes.Buffer
	if e.Method != nil {
		fmt.Fprintf(&raw, "%s %s HTTP/1.1\r\n", *e.Method, text(e.URL))
		if e.ClientRequestID != nil {
			fmt.Fprintf(&raw, "client-request-id: %s\r\n", e.ClientRequestID)
		}
		fmt.Fprintf(&raw, "\r\n%s", e.RequestBody)
	}
	if e.Status != nil {
		fmt.Fprintf(&raw, "\r\n\r\nHTTP/1.1 %d %s\r\n%s\r\n%s", *e.Status, http.StatusText(*e.Status), e.ResponseHeaders, e.ResponseBody)
	}
	if raw.Len() == 0 {
		return fmt.Errorf("event %s has no exchange: it is %s", e.ID, e.Outcome)
	}
	if cli.Width(w) > 0 {
		_, err := io.WriteString(w, cli.VisibleLines(raw.String())+"\n")
		return err
	}
	_, err := w.Write(raw.Bytes())
	return err
}
