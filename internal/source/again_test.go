package source

import (
	"errors"
	"io"
	"strings"
	"testing"

	"graphpatch/internal/userstatus"
)

// changing is a source that has another text each time it is opened.
func changing(t testing.TB, texts ...string) CSVConfig {
	cfg := of(t, "")
	cfg.Open = func() (io.ReadCloser, error) {
		r := io.NopCloser(strings.NewReader(texts[0]))
		texts = texts[1:]
		return r, nil
	}
	return cfg
}

func TestChangedSourceIsRefused(t *testing.T) {
	const header, one, two = "deviceConfigurationId,id,status\n", "c,s1,compliant\n", "c,s2,error\n"
	for name, texts := range map[string][2]string{
		"a row more":         {header + one, header + one + two},
		"a row less":         {header + one + two, header + one},
		"a row exchanged":    {header + one, header + two},
		"a bad row":          {header + one + two, header + one + "c,,error\n"},
		"a broken row":       {header + one + two, header + one + "c,\"s\"2,error\n"},
		"another header":     {header + one, "deviceConfigurationId,status\nc,compliant\n"},
		"nothing any more":   {header + one, ""},
		"only white space":   {header + one, header + one + "\n"},
		"a mark":             {header + one, "\xef\xbb\xbf" + header + one},
		"ends in a quote":    {header + one, header + one + "\""},
		"another delimiter":  {header + one, strings.ReplaceAll(header+one, ",", ";")},
		"a row without ends": {header + one, header + strings.Repeat("x", 2*MaxRecord)},
	} {
		for _, skip := range []bool{false, true} {
			cfg := changing(t, texts[0], texts[1])
			cfg.SkipInvalid = skip
			c := newCSV(t, cfg)
			_, err := collect(t, c, check(t, c))
			if changed, ok := errors.AsType[*ChangedError](err); !ok || changed.Source != "users.csv" {
				t.Errorf("%s, skip %v: got %v, want *ChangedError", name, skip, err)
			}
		}
	}
}

func TestSourceChangesWhileDuplicatesAreLeftOut(t *testing.T) {
	const text = "deviceConfigurationId,id,status\nc,s,compliant\nc,s,error\n"
	cfg := changing(t, text, text+"c,t,error\n")
	cfg.SkipInvalid = true
	_, err := newCSV(t, cfg).Check(t.Context())
	if _, ok := errors.AsType[*ChangedError](err); !ok {
		t.Errorf("got %v, want *ChangedError", err)
	}
}

func TestChangedErrorSaysHow(t *testing.T) {
	const text = "deviceConfigurationId,id,status\nc,s,compliant\n"
	c := newCSV(t, changing(t, text, text+"c,,x\n"))
	_, err := collect(t, c, check(t, c))
	const want = `users.csv changed while it was being read: now users.csv:3: column 2 (id): "" is an empty id: every row needs one; Graph takes an empty id for the whole collection; leave it alone and begin again`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestReaderOfRowsMayStop(t *testing.T) {
	c := newCSV(t, of(t, string(ordinary(1000))))
	sum := check(t, c)
	n := 0
	for _, err := range c.Rows(t.Context(), sum) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("got %d rows", n)
	}
}

// Strings of a row outlive it; the slice of the other cells does not.
func TestStringsOfARowStay(t *testing.T) {
	c := newCSV(t, of(t, "deviceConfigurationId,id,status,note\nc1,s1,compliant,n1\nc2,s2,error,n2\n"))
	var kept []userstatus.Row
	var notes []string
	for row, err := range c.Rows(t.Context(), check(t, c)) {
		if err != nil {
			t.Fatal(err)
		}
		kept, notes = append(kept, row), append(notes, row.Other[0])
	}
	if kept[0].Update.Target.StatusID != "s1" || notes[0] != "n1" || kept[1].Update.Target.StatusID != "s2" {
		t.Errorf("got %+v, notes %q", kept, notes)
	}
}
