package source

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/unicode"
)

// everywhere is a text with one character of each length in UTF-8, and of both in UTF-16.
const everywhere = "deviceConfigurationId,userStatusId,userDisplayName,status\nc,s1,Zoë 東京 🙂,compliant\nc,s2,\"a,\"\"b\"\"\nc\",error\n"

func encoded(t testing.TB, text string, order unicode.Endianness, marks unicode.BOMPolicy) string {
	t.Helper()
	s, err := unicode.UTF16(order, marks).NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEncodings(t *testing.T) {
	plain, wantRows := load(t, of(t, everywhere))
	for _, c := range []struct{ text, name string }{
		{"\xef\xbb\xbf" + everywhere, "UTF-8 with BOM"},
		{encoded(t, everywhere, unicode.LittleEndian, unicode.UseBOM), "UTF-16LE"},
		{encoded(t, everywhere, unicode.BigEndian, unicode.UseBOM), "UTF-16BE"},
		{encoded(t, everywhere, unicode.LittleEndian, unicode.IgnoreBOM), "UTF-16LE"},
		{encoded(t, everywhere, unicode.BigEndian, unicode.IgnoreBOM), "UTF-16BE"},
	} {
		sum, rows := load(t, of(t, c.text))
		if sum.Encoding != c.name || sum.Bytes != int64(len(c.text)) || sum.Lines != plain.Lines {
			t.Errorf("%s: read as %s, %d of %d bytes, %d lines", c.name, sum.Encoding, sum.Bytes, len(c.text), sum.Lines)
		}
		if sum.Fingerprint != plain.Fingerprint || sum.SHA256 == plain.SHA256 {
			t.Errorf("%s: the same content in other bytes is not seen as such", c.name)
		}
		if diff := cmp.Diff(rows, wantRows, asGiven); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// The mark belongs to the file, not to the name of its first column.
func TestMarkIsNoPartOfTheHeader(t *testing.T) {
	sum, _ := load(t, of(t, "\xef\xbb\xbf"+everywhere))
	if sum.Header[0] != "deviceConfigurationId" {
		t.Errorf("got %q", sum.Header[0])
	}
}

func TestDetect(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "UTF-8",
		"a":                               "UTF-8",
		"id\x00,status":                   "UTF-8",
		"\xff\xfe":                        "UTF-16LE",
		"\xfe\xff":                        "UTF-16BE",
		"\xef\xbb\xbf":                    "UTF-8 with BOM",
		"i\x00d\x00":                      "UTF-16LE",
		"\x00i\x00d":                      "UTF-16BE",
		"i\x00d\x00;\x00\x71\x67\xac\x4e": "UTF-16LE",
		strings.Repeat("\x00", 64):        "UTF-8",
		strings.Repeat("id,status\n", 6) + "\x00": "UTF-8",
	} {
		if got := detect([]byte(text)).name; got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func FuzzEncodingsAgree(f *testing.F) {
	f.Add(everywhere)
	f.Add("id,deviceConfigurationId,status\n\"\n")
	f.Add("id,deviceConfigurationId,status\r\ns,c,compliant")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ToValidUTF8(text, "") != text || strings.ContainsAny(text, "\ufeff\ufffd\x00") {
			t.Skip("cannot be said in both")
		}
		sum, err := newCSV(t, of(t, text)).Check(t.Context())
		wide, wideErr := newCSV(t, of(t, encoded(t, text, unicode.LittleEndian, unicode.UseBOM))).Check(t.Context())
		if (err == nil) != (wideErr == nil) || err != nil && err.Error() != wideErr.Error() {
			t.Fatalf("in UTF-8 %v, in UTF-16 %v", err, wideErr)
		}
		if err == nil && (sum.Fingerprint != wide.Fingerprint || sum.Rows != wide.Rows || sum.Lines != wide.Lines) {
			t.Errorf("in UTF-8 %+v, in UTF-16 %+v", sum, wide)
		}
	})
}
