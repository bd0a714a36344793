package main

import (
	"strconv"
	"testing"
)

func FuzzParsePlace(f *testing.F) {
	for _, s := range []string{"users.csv:2", "a:b:3", ":2", "users.csv:1", "users.csv", "C:\\x.csv:7", "x:+2", "x:9223372036854775808", "x:02"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePlace(s)
		if err != nil {
			return
		}
		if p.file == "" || p.line < 2 {
			t.Errorf("%q: got %+v", s, p)
		}
		written := p.file + ":" + strconv.FormatInt(p.line, 10)
		if again, err := parsePlace(written); err != nil || again != p {
			t.Errorf("%q: got %+v, and of %q %+v, %v", s, p, written, again, err)
		}
	})
}
