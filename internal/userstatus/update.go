package userstatus

import (
	"encoding/binary"
	"strconv"
)

// Wanted are the values an update asks for. What is absent is not touched.
type Wanted struct {
	UserDisplayName      Value[string]
	DevicesCount         Value[int32]
	Status               Value[ComplianceStatus]
	LastReportedDateTime Value[DateTime]
	UserPrincipalName    Value[string]
}

// Update is what one row asks for. Its values are absolute: doing it twice is doing it once.
type Update struct {
	Target Target
	Wanted Wanted
}

// Asks returns the properties that are not absent.
func (w Wanted) Asks() Properties {
	var p Properties
	for i, absent := range [...]bool{
		w.UserDisplayName.Absent(), w.DevicesCount.Absent(), w.Status.Absent(),
		w.LastReportedDateTime.Absent(), w.UserPrincipalName.Absent(),
	} {
		if !absent {
			p |= 1 << i
		}
	}
	return p
}

// Set parses text as the value of one property and asks for it. The error is a *ValueError.
func (w *Wanted) Set(p Properties, text string) error {
	switch p {
	case UserDisplayName:
		return set(&w.UserDisplayName, parseText, text)
	case UserPrincipalName:
		return set(&w.UserPrincipalName, parseText, text)
	case DevicesCount:
		return set(&w.DevicesCount, ParseDevicesCount, text)
	case Status:
		return set(&w.Status, ParseComplianceStatus, text)
	case LastReportedDateTime:
		return set(&w.LastReportedDateTime, ParseDateTime, text)
	}
	panic("userstatus: Set takes exactly one property")
}

func set[T any](v *Value[T], parse func(string) (T, error), text string) error {
	parsed, err := parse(text)
	if err == nil {
		*v = Of(parsed)
	}
	return err
}

// SetNull asks for null. Only the two names can be null in Graph; for another property the error is a *ValueError.
func (w *Wanted) SetNull(p Properties) error {
	switch p {
	case UserDisplayName:
		w.UserDisplayName = Null[string]()
	case UserPrincipalName:
		w.UserPrincipalName = Null[string]()
	default:
		return &ValueError{Problem: "cannot be null", Right: "only userDisplayName and userPrincipalName can"}
	}
	return nil
}

// Only returns w with everything absent but the given properties.
func (w Wanted) Only(keep Properties) Wanted {
	if keep&UserDisplayName == 0 {
		w.UserDisplayName = Value[string]{}
	}
	if keep&DevicesCount == 0 {
		w.DevicesCount = Value[int32]{}
	}
	if keep&Status == 0 {
		w.Status = Value[ComplianceStatus]{}
	}
	if keep&LastReportedDateTime == 0 {
		w.LastReportedDateTime = Value[DateTime]{}
	}
	if keep&UserPrincipalName == 0 {
		w.UserPrincipalName = Value[string]{}
	}
	return w
}

// AppendCanonical appends a form of the update that is the same for the same request and different for any other,
// however the source spelled it; runs are told apart by a hash over it. It begins with the 16 bytes of the target's
// key, so that who needs both hashes the target once.
func (u Update) AppendCanonical(b []byte) []byte {
	key := u.Target.Key()
	b = append(b, key[:]...)
	w := u.Wanted
	b = appendCanonical(b, w.UserDisplayName, func(s string) string { return s })
	b = appendCanonical(b, w.DevicesCount, func(n int32) string { return strconv.Itoa(int(n)) })
	b = appendCanonical(b, w.Status, func(s ComplianceStatus) string { return string(s) })
	b = appendCanonical(b, w.LastReportedDateTime, DateTime.String)
	return appendCanonical(b, w.UserPrincipalName, func(s string) string { return s })
}

// appendCanonical begins each value with a byte that says absent, null or a length and its text.
func appendCanonical[T any](b []byte, v Value[T], text func(T) string) []byte {
	switch {
	case v.Absent():
		return append(b, 0xff)
	case v.IsNull():
		return append(b, 0xfe)
	}
	s := text(v.v)
	b = append(b, 0)
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}
