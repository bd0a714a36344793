package userstatus

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// ODataType is the type that Microsoft's example names in the body of the request.
const ODataType = "#microsoft.graph.deviceConfigurationUserStatus"

// Body returns the body of the PATCH: a JSON object with the wanted properties and no others, laid out byte for byte
// as in Microsoft's example (two spaces, CRLF: that is how its Content-Length of 290 comes about).
func (w Wanted) Body() []byte {
	b := make([]byte, 0, 320)
	b = append(b, "{\r\n  \"@odata.type\": \""+ODataType+`"`...)
	b = appendValue(b, "userDisplayName", w.UserDisplayName, appendString)
	b = appendValue(b, "devicesCount", w.DevicesCount, func(b []byte, v int32) []byte { return strconv.AppendInt(b, int64(v), 10) })
	b = appendValue(b, "status", w.Status, func(b []byte, v ComplianceStatus) []byte { return appendString(b, string(v)) })
	b = appendValue(b, "lastReportedDateTime", w.LastReportedDateTime, func(b []byte, v DateTime) []byte { return appendString(b, v.String()) })
	b = appendValue(b, "userPrincipalName", w.UserPrincipalName, appendString)
	return append(b, "\r\n}"...)
}

func appendValue[T any](b []byte, name string, v Value[T], appendJSON func([]byte, T) []byte) []byte {
	if v.Absent() {
		return b
	}
	b = append(b, ",\r\n  \""...)
	b = append(b, name...)
	b = append(b, `": `...)
	if v.IsNull() {
		return append(b, "null"...)
	}
	return appendJSON(b, v.v)
}

// appendString writes s as JSON without escaping <, > and &: those stand in names, and the audit should show them
// as they are.
func appendString(b []byte, s string) []byte {
	if isPlain(s) {
		return append(append(append(b, '"'), s...), '"')
	}
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		// A string always encodes: json replaces even invalid UTF-8.
		panic("userstatus: " + err.Error())
	}
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
}

// isPlain reports whether s needs no escaping: most strings, and twenty times quicker than an encoder.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x7f {
			return false
		}
	}
	return true
}
