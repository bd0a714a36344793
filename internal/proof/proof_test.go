package proof

import (
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What was exported once is held against for years: none of this may ever come out otherwise.
func TestFormatStays(t *testing.T) {
	leaf := Leaf(AppendValues(nil, [][]byte{{1}, nil, {}}), Personal(AppendValue(nil, []byte("body"))))
	content := Content(202611000042, []int32{0, 7}, [][]byte{leaf[:], leaf[:]})
	var slices Slices
	for _, row := range []int32{1, 1000, 1001, 5001} {
		slices.Add(row, leaf)
	}
	done := slices.Done()
	var firsts []int32
	for _, s := range done {
		firsts = append(firsts, s.First)
	}
	if diff := cmp.Diff(firsts, []int32{1, 1001, 5001}); diff != "" {
		t.Errorf("slices: -got +want\n%s", diff)
	}
	var month Month
	month.Add(202611000041, 0, nil)
	month.Add(202611000042, 3, leaf[:])
	for what, c := range map[string]struct {
		got  Digest
		want string
	}{
		"leaf":    {leaf, "d70ba25b557293a37f8a105c2db85e8e5a96da96cf2e1d71e48ae8afe19a0b8b"},
		"content": {content, "6b543644d355bd8e5b2ba1f86f029c99d676c59c79d9d9afc1104268d58b129d"},
		"link":    {Link(leaf, content), "c99bef79711e8ec4ed9583c8fb8831457e02247f8a12a38f7bf45ef356f0bae8"},
		"slice":   {done[0].Digest, "1e520a573bac1d840a7c4f666862e4dd058b5892eb0be552f2111ceef0b83719"},
		"import":  {ImportContent([][]byte{[]byte("fact"), nil}, done), "5df99d3ee2f63fca34167f00650de8476264a2e3c1c1bfd669aca5cb3478ab35"},
		"month":   {month.Digest(), "5000ba5c2514cfb737ce2dc17b4b04fd4bb60a2adbbb2968437a4953857d1531"},
	} {
		if got := hex.EncodeToString(c.got[:]); got != c.want {
			t.Errorf("%s: got %s, want %s", what, got, c.want)
		}
	}
}

// NULL, empty and values that only differ in where they end are different things.
func TestLeavesTellValuesApart(t *testing.T) {
	seen := map[Digest]int{}
	for i, values := range [][][]byte{{nil}, {{}}, {{0}}, {nil, nil}, {{}, {}}, {[]byte("ab"), []byte("c")}, {[]byte("a"), []byte("bc")}, {[]byte("abc")}} {
		for _, leaf := range []Digest{Leaf(AppendValues(nil, values), Personal(nil)), Leaf(nil, Personal(AppendValues(nil, values)))} {
			if before, ok := seen[leaf]; ok {
				t.Errorf("%d is %d", i, before)
			}
			seen[leaf] = i
		}
	}
	if got := new(Slices).Done(); got != nil {
		t.Errorf("no rows have %v", got)
	}
}
