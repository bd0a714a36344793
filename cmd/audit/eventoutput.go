package main

import (
	"bufio"
	"encoding/base64"
	"io"
	"iter"
	"slices"
	"strconv"
	"unicode/utf8"

	"graphpatch/internal/audit"
	"graphpatch/internal/cli"
)

// eventWithBodies is an event in JSON, with what went over the wire.
type eventWithBodies struct {
	audit.Event
	RequestBody     *string `json:"requestBody"`
	ResponseHeaders *string `json:"responseHeaders"`
	ResponseBody    *string `json:"responseBody"`
	BodyCut         bool    `json:"responseBodyCut"`
}

func withBodies(e *audit.Event) eventWithBodies {
	return eventWithBodies{*e, body(e.RequestBody), body(e.ResponseHeaders), body(e.ResponseBody), e.BodyCut}
}

// body is what went over the wire as text; what no text can hold is marked.
func body(b []byte) *string {
	if b == nil {
		return nil
	}
	s := string(b)
	if !utf8.Valid(b) {
		s = "base64:" + base64.StdEncoding.EncodeToString(b)
	}
	return &s
}

// writeEventsJSON writes an array, one event on a line, as they come.
func writeEventsJSON(w io.Writer, events iter.Seq2[audit.Event, error], bodies bool) error {
	out := bufio.NewWriter(w)
	separator := "[\n"
	for e, err := range events {
		if err != nil {
			return flush(out, err)
		}
		line, err := eventJSON(&e, bodies)
		if err != nil {
			return flush(out, err)
		}
		if _, err := out.Write(append([]byte(separator), line...)); err != nil {
			return err
		}
		separator = ",\n"
	}
	end := "\n]\n"
	if separator == "[\n" {
		end = "[]\n"
	}
	if _, err := out.WriteString(end); err != nil {
		return err
	}
	return out.Flush()
}

// writeEventsLines writes one event in JSON on each line, as they come.
func writeEventsLines(w io.Writer, events iter.Seq2[audit.Event, error], bodies bool) error {
	out := bufio.NewWriter(w)
	for e, err := range events {
		if err != nil {
			return flush(out, err)
		}
		line, err := eventJSON(&e, bodies)
		if err != nil {
			return flush(out, err)
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return out.Flush()
}

func eventJSON(e *audit.Event, bodies bool) ([]byte, error) {
	if bodies {
		return cli.JSON(withBodies(e))
	}
	return cli.JSON(e)
}

// flush writes what was read before err.
func flush(out *bufio.Writer, err error) error {
	if failed := out.Flush(); failed != nil {
		return failed
	}
	return err
}

func writeEventsCSV(w io.Writer, events iter.Seq2[audit.Event, error], bodies bool) error {
	out := newCSVWriter(w, eventFieldsWith(bodies))
	for e, err := range events {
		if err == nil {
			err = out.write(&e)
		}
		if err != nil {
			out.out.Flush()
			return err
		}
	}
	return out.close()
}

func eventFieldsWith(bodies bool) []field[audit.Event] {
	if bodies {
		return slices.Concat(eventFields, bodyFields)
	}
	return eventFields
}

// eventFields are the properties of an event in JSON, in the same order; bodyFields those that --bodies adds.
var (
	eventFields = []field[audit.Event]{
		{"id", func(e *audit.Event) string { return e.ID }},
		{"run", func(e *audit.Event) string { return strconv.FormatInt(e.Run, 10) }},
		{"row", func(e *audit.Event) string { return strconv.Itoa(e.Row) }},
		{"line", func(e *audit.Event) string { return text(e.Line) }},
		{"outcome", func(e *audit.Event) string { return e.Outcome }},
		{"final", func(e *audit.Event) string { return strconv.FormatBool(e.Final) }},
		{"spared", func(e *audit.Event) string { return strconv.FormatBool(e.Spared) }},
		{"status", func(e *audit.Event) string { return text(e.Status) }},
		{"method", func(e *audit.Event) string { return text(e.Method) }},
		{"url", func(e *audit.Event) string { return text(e.URL) }},
		{"sentAt", func(e *audit.Event) string { return instant(e.SentAt) }},
		{"recordedAt", func(e *audit.Event) string { return instant(&e.RecordedAt) }},
		{"elapsedMs", func(e *audit.Event) string { return decimal(e.ElapsedMs) }},
		{"clientRequestId", func(e *audit.Event) string { return text(e.ClientRequestID) }},
		{"requestId", func(e *audit.Event) string { return text(e.RequestID) }},
		{"worker", func(e *audit.Event) string { return text(e.Worker) }},
		{"actor", func(e *audit.Event) string { return text(e.Actor) }},
		{"error", func(e *audit.Event) string { return text(e.Error) }},
		{"route", func(e *audit.Event) string { return text(e.Route) }},
		{"deviceConfigurationId", func(e *audit.Event) string { return text(e.DeviceConfigurationID) }},
		{"certificateId", func(e *audit.Event) string { return text(e.CertificateID) }},
		{"userStatusId", func(e *audit.Event) string { return text(e.UserStatusID) }},
		{"userPrincipalName", func(e *audit.Event) string { return text(e.UserPrincipalName) }},
	}
	bodyFields = []field[audit.Event]{
		{"requestBody", func(e *audit.Event) string { return text(body(e.RequestBody)) }},
		{"responseHeaders", func(e *audit.Event) string { return text(body(e.ResponseHeaders)) }},
		{"responseBody", func(e *audit.Event) string { return text(body(e.ResponseBody)) }},
		{"responseBodyCut", func(e *audit.Event) string { return strconv.FormatBool(e.BodyCut) }},
	}
)
