package main

import (
	"fmt"
	"io"
	"strings"

	"graphpatch/internal/audit"
	"graphpatch/internal/cli"
)

// writeExchanges writes each event with all there is to see, for a person who looks into one row.
func writeExchanges(w io.Writer, events []audit.Event, v view) error {
	for i := range events {
		if i > 0 {
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
		}
		if err := writeExchange(w, &events[i], v); err != nil {
			return err
		}
	}
	return nil
}

func writeExchange(w io.Writer, e *audit.Event, v view) error {
	lines := append([]string{headline(e, v)}, facts(e)...)
	if e.Method != nil {
		lines = append(lines, "", "  "+cli.Visible(*e.Method+" "+text(e.URL)))
	}
	lines = append(lines, indented(e.RequestBody)...)
	if e.Status != nil {
		lines = append(lines, "", fmt.Sprintf("  HTTP %d after %s ms", *e.Status, decimal(e.ElapsedMs)))
	}
	lines = append(lines, indented(e.ResponseHeaders)...)
	lines = append(lines, indented(e.ResponseBody)...)
	if e.BodyCut {
		lines = append(lines, "  … (the answer was longer; its first 64 KiB are kept)")
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}

// facts are what is known of the event besides its exchange.
func facts(e *audit.Event) []string {
	var lines []string
	for _, fact := range [...]struct{ name, value string }{
		{"event", e.ID},
		{"configuration", text(e.DeviceConfigurationID)},
		{"certificate", text(e.CertificateID)},
		{"status id", text(e.UserStatusID)},
		{"user", text(e.UserPrincipalName)},
		{"route", text(e.Route)},
		{"actor", text(e.Actor)},
		{"worker", text(e.Worker)},
		{"client-request-id", text(e.ClientRequestID)},
		{"request-id", text(e.RequestID)},
		{"why", text(e.Error)},
	} {
		if fact.value != "" {
			lines = append(lines, fmt.Sprintf("  %-17s  %s", fact.name, cli.Visible(fact.value)))
		}
	}
	return lines
}

func headline(e *audit.Event, v view) string {
	where := fmt.Sprintf("Run %d", e.Run)
	if e.Row > 0 {
		where += ", row " + number(e.Row)
	}
	if e.Line != nil {
		where += fmt.Sprintf(" (line %s)", number(int(*e.Line)))
	}
	what := outcomeOf(e)
	if e.Final {
		what += ", final"
	}
	if e.SentAt != nil {
		what += ", sent " + v.time(*e.SentAt)
	}
	return fmt.Sprintf("%s: %s, recorded %s", where, what, v.time(e.RecordedAt))
}

// indented are the lines of a body or of headers, in which nothing reaches the terminal that is not a character.
func indented(b []byte) []string {
	if len(b) == 0 {
		return nil
	}
	lines := strings.Split(strings.TrimRight(cli.VisibleLines(string(b)), "\n"), "\n")
	for i, line := range lines {
		lines[i] = "  | " + line
	}
	return lines
}
