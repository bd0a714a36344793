package userstatus

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// texts has one good text and one bad text for every property.
var texts = []struct {
	property  Properties
	name      string
	good, bad string
}{
	{UserDisplayName, "userDisplayName", "Ada", "A\x00"},
	{DevicesCount, "devicesCount", "3", "3.5"},
	{Status, "status", "compliant", "Compliant"},
	{LastReportedDateTime, "lastReportedDateTime", "2026-11-23T08:15:00Z", "2026-11-23"},
	{UserPrincipalName, "userPrincipalName", "ada@example.com", "a\xff"},
}

func TestEveryPropertyIsSetByItsOwnRule(t *testing.T) {
	for _, c := range texts {
		var w Wanted
		if err := w.Set(c.property, c.bad); err == nil || w.Asks() != 0 {
			t.Errorf("%s: %q was taken: %v", c.name, c.bad, err)
		} else {
			valueError(t, err)
		}
		if err := w.Set(c.property, c.good); err != nil || w.Asks() != c.property {
			t.Errorf("%s: %v, asks for %s", c.name, err, w.Asks())
		}
		if got := decoded(t, w.Body()); len(got) != 2 || got[c.name] == nil {
			t.Errorf("%s: the body is %v", c.name, got)
		}
	}
}

func TestOnlyTheNamesCanBeNull(t *testing.T) {
	for _, c := range texts {
		var w Wanted
		err := w.SetNull(c.property)
		nullable := c.property == UserDisplayName || c.property == UserPrincipalName
		if (err == nil) != nullable || (w.Asks() == c.property) != nullable {
			t.Errorf("%s: %v, asks for %s", c.name, err, w.Asks())
		}
	}
}

func TestSetTakesOneProperty(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a set of two properties was taken for one")
		}
	}()
	_ = new(Wanted).Set(Status|DevicesCount, "1")
}

func TestOnlyKeepsWhatItIsTold(t *testing.T) {
	all := microsoftsWanted(t)
	for keep := Properties(0); keep <= AllProperties; keep++ {
		if got := all.Only(keep).Asks(); got != keep {
			t.Errorf("kept %s, want %s", got, keep)
		}
	}
}

func TestValueKnowsAbsentEmptyAndNull(t *testing.T) {
	type says struct {
		Absent, Null, OK bool
		Value, Ptr       string
	}
	for name, c := range map[string]struct {
		value Value[string]
		want  says
	}{
		"absent": {Value[string]{}, says{Absent: true, Ptr: "nil"}},
		"empty":  {Of(""), says{OK: true}},
		"null":   {Null[string](), says{Null: true, Ptr: "nil"}},
		"text":   {Of("x"), says{OK: true, Value: "x", Ptr: "x"}},
	} {
		got := says{Absent: c.value.Absent(), Null: c.value.IsNull(), Ptr: "nil"}
		got.Value, got.OK = c.value.Get()
		if p := c.value.Ptr(); p != nil {
			got.Ptr = *p
		}
		if diff := cmp.Diff(got, c.want); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestCanonicalFormBeginsWithTheKey(t *testing.T) {
	u := Update{Target: Target{contoso, Plain, "c", "", "s"}, Wanted: microsoftsWanted(t)}
	key := u.Target.Key()
	if got := u.AppendCanonical([]byte("before")); !bytes.HasPrefix(got, append([]byte("before"), key[:]...)) {
		t.Errorf("got % x", got)
	}
}

func TestCanonicalFormsDiffer(t *testing.T) {
	seen := map[string]string{}
	for name, w := range map[string]Wanted{
		"nothing":          {},
		"empty name":       {UserDisplayName: Of("")},
		"null name":        {UserDisplayName: Null[string]()},
		"empty UPN":        {UserPrincipalName: Of("")},
		"null UPN":         {UserPrincipalName: Null[string]()},
		"name":             {UserDisplayName: Of("a")},
		"UPN":              {UserPrincipalName: Of("a")},
		"count 1":          {DevicesCount: Of[int32](1)},
		"name 1":           {UserDisplayName: Of("1")},
		"both":             {UserDisplayName: Of("a"), UserPrincipalName: Of("b")},
		"joined":           {UserDisplayName: Of("ab"), UserPrincipalName: Of("")},
		"in UTC":           {LastReportedDateTime: Of(mustDateTime(t, "2026-11-23T08:15:00Z"))},
		"in Berlin":        {LastReportedDateTime: Of(mustDateTime(t, "2026-11-23T09:15:00+01:00"))},
		"tags in the text": {UserDisplayName: Of("\u00ff\u00fe")},
	} {
		form := string(Update{Wanted: w}.AppendCanonical(nil))
		if twin, ok := seen[form]; ok {
			t.Errorf("%s and %s have one canonical form", name, twin)
		}
		seen[form] = name
	}
}

// What is cut off on the wire is no other request.
func TestCanonicalFormIsOfWhatIsSent(t *testing.T) {
	seven := Update{Wanted: Wanted{LastReportedDateTime: Of(mustDateTime(t, "2026-11-23T08:15:00.1234567Z"))}}
	nine := Update{Wanted: Wanted{LastReportedDateTime: Of(mustDateTime(t, "2026-11-23T08:15:00.123456789Z"))}}
	if diff := cmp.Diff(seven.AppendCanonical(nil), nine.AppendCanonical(nil)); diff != "" {
		t.Error(diff)
	}
}

func FuzzCanonicalFormsOfDifferentRequestsDiffer(f *testing.F) {
	f.Add("a", "b", uint8(0b0101), int32(1), "ab", "", uint8(0b0101), int32(1))
	f.Add("", "", uint8(0b0001), int32(0), "", "", uint8(0b0010), int32(0))
	f.Add("\xfe\xff", "\x00", uint8(0b1111), int32(-1), "\xfe", "\xff\x00", uint8(0b1111), int32(-1))
	f.Fuzz(func(t *testing.T, nameA, upnA string, shapeA uint8, countA int32, nameB, upnB string, shapeB uint8, countB int32) {
		a, b := shaped(nameA, upnA, shapeA, countA), shaped(nameB, upnB, shapeB, countB)
		for _, text := range []string{nameA, upnA, nameB, upnB} {
			if !utf8.ValidString(text) {
				t.Skip("never stored")
			}
		}
		sameBody := bytes.Equal(a.Body(), b.Body())
		sameForm := bytes.Equal(Update{Wanted: a}.AppendCanonical(nil), Update{Wanted: b}.AppendCanonical(nil))
		if sameBody != sameForm {
			t.Errorf("%s and %s: the same request %v, the same form %v", a.Body(), b.Body(), sameBody, sameForm)
		}
	})
}

// shaped makes two bits each of shape into absent, null or a value.
func shaped(name, upn string, shape uint8, count int32) Wanted {
	text := func(bits uint8, s string) Value[string] {
		switch bits & 3 {
		case 0:
			return Value[string]{}
		case 1:
			return Of(s)
		}
		return Null[string]()
	}
	w := Wanted{UserDisplayName: text(shape, name), UserPrincipalName: text(shape>>2, upn)}
	if shape&16 != 0 {
		w.DevicesCount = Of(count)
	}
	return w
}
