package userstatus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Observed are the present values of a status, as Graph shows them. A property that Graph leaves out is absent.
type Observed struct {
	ID                string
	UserDisplayName   Value[string]
	DevicesCount      Value[int32]
	Status            Value[string] // one of complianceStatus, or a word that came later
	LastReported      Value[string] // as it was shown
	UserPrincipalName Value[string]
}

// ErrNoStatus says that a JSON text is no object of a status.
var ErrNoStatus = errors.New("it is no deviceConfigurationUserStatus")

// UnmarshalJSON reads a status as Graph shows it: with members it does not know, in any order, and whatever else a later
// version may add. A known member of another type than documented is an error, and so is an object with none of them.
func (o *Observed) UnmarshalJSON(text []byte) error {
	var members struct {
		ID                   json.RawMessage
		UserDisplayName      json.RawMessage
		DevicesCount         json.RawMessage
		Status               json.RawMessage
		LastReportedDateTime json.RawMessage
		UserPrincipalName    json.RawMessage
	}
	if err := json.Unmarshal(text, &members); err != nil {
		return ErrNoStatus
	}
	var id Value[string]
	read := Observed{}
	err := errors.Join(
		member("id", &id, members.ID, shown),
		member("userDisplayName", &read.UserDisplayName, members.UserDisplayName, shown),
		member("devicesCount", &read.DevicesCount, members.DevicesCount, shownCount),
		member("status", &read.Status, members.Status, shown),
		member("lastReportedDateTime", &read.LastReported, members.LastReportedDateTime, shown),
		member("userPrincipalName", &read.UserPrincipalName, members.UserPrincipalName, shown),
	)
	read.ID, _ = id.Get()
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrNoStatus, err)
	case read == Observed{}:
		return ErrNoStatus
	}
	*o = read
	return nil
}

// member reads one member; one that is not there leaves the value absent.
func member[T any](name string, v *Value[T], text json.RawMessage, read func(json.RawMessage) (T, error)) (err error) {
	switch {
	case text == nil:
		return nil
	case bytes.Equal(text, []byte("null")):
		*v = Null[T]()
		return nil
	}
	value, err := read(text)
	if err != nil {
		return fmt.Errorf("%s is %.80s", name, text)
	}
	*v = Of(value)
	return nil
}

func shown(text json.RawMessage) (s string, err error) {
	err = json.Unmarshal(text, &s)
	return s, err
}

// shownCount takes 12.0 for 12: it is the same number, however a service writes it.
func shownCount(text json.RawMessage) (int32, error) {
	n, err := strconv.ParseFloat(string(text), 64)
	if err != nil || n != math.Trunc(n) || n < math.MinInt32 || n > math.MaxInt32 {
		return 0, ErrNoStatus
	}
	return int32(n), nil
}

// Shows returns the properties that are shown, null included.
func (o Observed) Shows() Properties {
	var p Properties
	for i, absent := range [...]bool{
		o.UserDisplayName.Absent(), o.DevicesCount.Absent(), o.Status.Absent(), o.LastReported.Absent(), o.UserPrincipalName.Absent(),
	} {
		if !absent {
			p |= 1 << i
		}
	}
	return p
}

// Wanted asks for what is shown of the given properties. The error is a *ValueError of one that is not shown, or that nobody
// can ask for: a word that came later, or null where there is none.
func (o Observed) Wanted(properties Properties) (w Wanted, err error) {
	err = errors.Join(
		ask(&w, properties&UserDisplayName, o.UserDisplayName, func(s string) string { return s }),
		ask(&w, properties&DevicesCount, o.DevicesCount, func(n int32) string { return strconv.Itoa(int(n)) }),
		ask(&w, properties&Status, o.Status, func(s string) string { return s }),
		ask(&w, properties&LastReportedDateTime, o.LastReported, func(s string) string { return s }),
		ask(&w, properties&UserPrincipalName, o.UserPrincipalName, func(s string) string { return s }),
	)
	return w, err
}

// ask sets the property, if it is one.
func ask[T any](w *Wanted, p Properties, shown Value[T], text func(T) string) error {
	switch {
	case p == 0:
		return nil
	case shown.Absent():
		return &ValueError{Value: p.String(), Problem: "is not shown"}
	case shown.IsNull():
		return w.SetNull(p)
	}
	return w.Set(p, text(shown.v))
}

// Differs returns the wanted properties that Graph does not show as they are wanted: texts are compared exactly, dates as
// instants, and absent, null and empty are three different things.
func (w Wanted) Differs(o Observed) Properties {
	return differs(UserDisplayName, w.UserDisplayName, o.UserDisplayName, equal) |
		differs(DevicesCount, w.DevicesCount, o.DevicesCount, equal) |
		differs(Status, w.Status, o.Status, func(want ComplianceStatus, is string) bool { return string(want) == is }) |
		differs(LastReportedDateTime, w.LastReportedDateTime, o.LastReported, sameInstant) |
		differs(UserPrincipalName, w.UserPrincipalName, o.UserPrincipalName, equal)
}

func equal[T comparable](want, is T) bool { return want == is }

func sameInstant(want DateTime, is string) bool {
	at, err := ParseDateTime(is)
	// What was wanted was cut to Graph's precision when it was sent.
	return err == nil && at.Equal(want)
}

func differs[W, O any](p Properties, want Value[W], is Value[O], same func(W, O) bool) Properties {
	switch {
	case want.Absent():
		return 0
	case is.Absent(), want.IsNull() != is.IsNull(), !want.IsNull() && !same(want.v, is.v):
		return p
	}
	return 0
}

// Since returns the properties among some that Graph does not show as it showed them before, compared as Differs does.
func (o Observed) Since(before Observed, among Properties) Properties {
	return among & (changed(UserDisplayName, before.UserDisplayName, o.UserDisplayName, equal) |
		changed(DevicesCount, before.DevicesCount, o.DevicesCount, equal) |
		changed(Status, before.Status, o.Status, equal) |
		changed(LastReportedDateTime, before.LastReported, o.LastReported, sameTime) |
		changed(UserPrincipalName, before.UserPrincipalName, o.UserPrincipalName, equal))
}

func changed[T any](p Properties, before, is Value[T], same func(a, b T) bool) Properties {
	if before.Absent() != is.Absent() || before.IsNull() != is.IsNull() || !is.Absent() && !is.IsNull() && !same(before.v, is.v) {
		return p
	}
	return 0
}

// sameTime compares instants; what is none is compared as text.
func sameTime(before, is string) bool {
	at, err := ParseDateTime(before)
	return before == is || err == nil && sameInstant(at, is)
}

// Describe tells a person how what Graph shows differs: status is "unknown", not "compliant".
func (w Wanted) Describe(differ Properties, o Observed) string {
	var all []string
	w.Compare(differ, o, func(property, is, want string) {
		all = append(all, fmt.Sprintf("%s is %s, not %s", property, is, want))
	})
	return strings.Join(all, "; ")
}

// Compare tells of each property in differ what Graph shows and what is wanted, as a person reads it.
func (w Wanted) Compare(differ Properties, o Observed, tell func(property, is, want string)) {
	one := func(p Properties, is, want string) {
		if differ&p != 0 {
			tell(p.String(), is, want)
		}
	}
	one(UserDisplayName, show(o.UserDisplayName), show(w.UserDisplayName))
	one(DevicesCount, show(o.DevicesCount), show(w.DevicesCount))
	one(Status, show(o.Status), show(w.Status))
	one(LastReportedDateTime, show(o.LastReported), show(w.LastReportedDateTime))
	one(UserPrincipalName, show(o.UserPrincipalName), show(w.UserPrincipalName))
}

func show[T any](v Value[T]) string {
	switch {
	case v.Absent():
		return "not shown"
	case v.IsNull():
		return "null"
	}
	if n, ok := any(v.v).(int32); ok {
		return strconv.Itoa(int(n))
	}
	return Quote(fmt.Sprint(v.v))
}
