package source

import (
	"slices"
	"strings"
	"testing"
)

func TestDelimiterIsFoundInTheHeader(t *testing.T) {
	for header, want := range map[string]rune{
		"deviceConfigurationId,id,status":                     ',',
		"deviceConfigurationId;id;status":                     ';',
		"deviceConfigurationId\tid\tstatus":                   '\t',
		"deviceConfigurationId|id|status":                     '|',
		"deviceConfigurationId;id;status;a,b,c,d,e,f,g":       ';', // names count, not commas
		"\"deviceConfigurationId\";\"a;b,c,d\";\"id\";status": ';',
		"\"deviceConfigurationId,id,status\";id;status":       ';',
		"id\tName, first\tstatus":                             '\t',
		"Profil|Kennung|x;y;z;w":                              '|', // by --map
		"a;b;c,d":                                             ';', // nothing known: the most names
		"id":                                                  ',',
		"":                                                    ',',
		"\n\r\ndeviceConfigurationId;\"id\nof it\";status\nc;s;compliant,,,,": ';',
	} {
		o, err := newOptions(contoso, map[string]string{"Profil": "deviceConfigurationId", "Kennung": "id"}, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := findDelimiter([]byte(header), func(name string) bool { return o.recognise(name) != unread }); got != want {
			t.Errorf("%q: got %q, want %q", header, got, want)
		}
	}
}

func TestGivenDelimiterWins(t *testing.T) {
	cfg := of(t, "deviceConfigurationId~id~status\nc~s,;|~compliant\n")
	cfg.Delimiter = '~'
	sum, rows := load(t, cfg)
	if sum.Delimiter != '~' || rows[0].Update.Target.StatusID != "s,;|" {
		t.Errorf("separated by %q: %+v", sum.Delimiter, rows[0])
	}
}

func TestSameContentWithAnotherDelimiterHasTheSameFingerprint(t *testing.T) {
	var first *Summary
	for _, d := range delimiters {
		text := strings.ReplaceAll("deviceConfigurationId,id,status,n\nc,s1,compliant,1\nc,s2,error,2\n", ",", string(d))
		sum, _ := load(t, of(t, text))
		if sum.Delimiter != d {
			t.Errorf("%q was found for %q", sum.Delimiter, d)
		}
		if first == nil {
			first = sum
		}
		if sum.Fingerprint != first.Fingerprint {
			t.Errorf("%q: another fingerprint", d)
		}
	}
}

func FuzzFindDelimiter(f *testing.F) {
	for _, s := range []string{"deviceConfigurationId;id;status", "\"a,b\";c", "\"", "a\tb|c", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if d := findDelimiter(text, func(name string) bool { return fieldByName(name) != unread }); !slices.Contains(delimiters, d) {
			t.Errorf("got %q", d)
		}
	})
}
