package cli

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestJSON(t *testing.T) {
	const hostile = "<b>&\u009b1m\u202e\x1b\x7f é"
	line, err := JSON(map[string]string{"a": hostile})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(line), `{"a":"<b>&\u009b1m\u202e\u001b\u007f é"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var back map[string]string
	if err := json.Unmarshal(line, &back); err != nil || back["a"] != hostile {
		t.Errorf("read back: %q, %v", back["a"], err)
	}
}

func TestWriteJSON(t *testing.T) {
	var out strings.Builder
	if err := WriteJSON(&out, map[string]any{"a": []int{}, "b": json.RawMessage(`{"c": 1}`)}); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "{\n  \"a\": [],\n  \"b\": {\n    \"c\": 1\n  }\n}\n"; got != want {
		t.Errorf("got %q", got)
	}
	if err := WriteJSON(&out, func() {}); err == nil {
		t.Error("a function is no JSON")
	}
}
