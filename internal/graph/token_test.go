package graph_test

import (
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"graphpatch/internal/graph"
)

func jwt(payload string) string {
	return "eyJhbGciOiJSUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2lnbmF0dXJl"
}

var jwts = map[string]bool{
	jwt(`{"tid":"11111111-2222-4333-8444-555555555555","appid":"client-1"}`):                                   true,
	jwt(`{"tid":"11111111-2222-4333-8444-555555555555","upn":"ä>?~"}`):                                         true,
	"e30." + base64.URLEncoding.EncodeToString([]byte(`{"tid":"11111111-2222-4333-8444-555555555555"}`)) + ".": true,
	jwt(`{"tid":"contoso.onmicrosoft.com"}`):                                                                   false,
	jwt(`{"tid":"11111111-2222-4333-8444-5555555555zz"}`):                                                      false,
	jwt(`{"tid":4711}`):                      false,
	jwt(`{"tid":""}`):                        false,
	jwt(`{}`):                                false,
	jwt(`[]`):                                false,
	jwt(`{"tid":"11111111-2222-4333-8444-5`): false,
	"":                                       false,
	"opaque":                                 false,
	"EwB4A8l6BAAUkj1NuJYtTVha+Mogk+HEiPbQo04AAQ==": false,
	"a.b":          false,
	"a.b.c":        false,
	"a.b.c.d.e":    false,
	"eyJ.!!!!.c2l": false,
}

func TestTokenTenant(t *testing.T) {
	t.Parallel()
	for text, want := range jwts {
		got, ok := graph.TokenTenant(text)
		if ok != want || ok && got != tenant {
			t.Errorf("%q: got %s %v, want %v", text, got, ok, want)
		}
	}
}

func FuzzTokenTenant(f *testing.F) {
	for text := range jwts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, ok := graph.TokenTenant(text); !ok && got != uuid.Nil {
			t.Errorf("got %s, and that it is none", got)
		}
	})
}

func ExampleTokenTenant() {
	id, ok := graph.TokenTenant("e30.eyJ0aWQiOiIxMTExMTExMS0yMjIyLTQzMzMtODQ0NC01NTU1NTU1NTU1NTUifQ.c2ln")
	fmt.Println(id, ok)
	_, ok = graph.TokenTenant("an opaque token")
	fmt.Println(ok)
	// Output:
	// 11111111-2222-4333-8444-555555555555 true
	// false
}
