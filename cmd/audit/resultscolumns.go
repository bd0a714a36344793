package main

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"graphpatch/internal/audit"
)

// resultFields are the columns that are added to a file. Nothing else is called like that, and enqueue csv ignores them.
var resultFields = []field[audit.Result]{
	{"graphpatch_row", func(r *audit.Result) string { return strconv.Itoa(r.Row) }},
	{"graphpatch_line", func(r *audit.Result) string { return strconv.FormatInt(r.Line, 10) }},
	{"graphpatch_outcome", func(r *audit.Result) string { return r.Outcome }},
	{"graphpatch_http_status", func(r *audit.Result) string { return text(r.Status) }},
	{"graphpatch_error_code", func(r *audit.Result) string { code, _ := splitError(r); return code }},
	{"graphpatch_error_message", func(r *audit.Result) string { _, message := splitError(r); return message }},
	{"graphpatch_request_id", func(r *audit.Result) string { return cell(r.RequestID) }},
	{"graphpatch_attempts", func(r *audit.Result) string { return strconv.Itoa(r.Attempts) }},
	{"graphpatch_before", func(r *audit.Result) string { return cell(values(r.Before)) }},
	{"graphpatch_after", func(r *audit.Result) string { return cell(values(r.Answer)) }},
	{"graphpatch_settled_at", func(r *audit.Result) string { return instant(r.SettledAt) }},
}

// errorCode is Graph's code, with which the words of its errors begin.
var errorCode = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9_.-]*)(?:: |$)`)

// splitError takes Graph's code off its words. Without an answer there is none.
func splitError(r *audit.Result) (code, message string) {
	if found := errorCode.FindStringSubmatch(r.Error); found != nil && r.Status != nil {
		return cell(found[1]), cell(r.Error[len(found[0]):])
	}
	return "", cell(r.Error)
}

// values are the five properties of a status that a body shows, without what Graph says around them; anything else is given
// as it came, JSON on one line.
func values(body []byte) string {
	var status struct {
		UserDisplayName      json.RawMessage `json:"userDisplayName,omitempty"`
		DevicesCount         json.RawMessage `json:"devicesCount,omitempty"`
		Status               json.RawMessage `json:"status,omitempty"`
		LastReportedDateTime json.RawMessage `json:"lastReportedDateTime,omitempty"`
		UserPrincipalName    json.RawMessage `json:"userPrincipalName,omitempty"`
	}
	if json.Unmarshal(body, &status) == nil {
		var text bytes.Buffer
		out := json.NewEncoder(&text)
		out.SetEscapeHTML(false)
		if err := out.Encode(status); err == nil && text.Len() > len("{}\n") {
			return strings.TrimSuffix(text.String(), "\n")
		}
	}
	var compact bytes.Buffer
	if json.Compact(&compact, body) == nil {
		return compact.String()
	}
	return string(body)
}

// maxCell is how many bytes of an added cell are written: enqueue csv takes no cell beyond 32,767, and no record beyond
// 1 MiB.
const maxCell = 8000

// cell makes whatever a service may have said a cell that can be read again: no NUL, nothing invalid, not too long.
func cell(s string) string {
	if !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\ufffd") {
		s = strings.NewReplacer("\x00", "?", "\ufffd", "?").Replace(strings.ToValidUTF8(s, "?"))
	}
	if len(s) <= maxCell {
		return s
	}
	return strings.ToValidUTF8(s[:maxCell], "") + "…"
}
