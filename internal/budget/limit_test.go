package budget_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"graphpatch/internal/budget"
)

var limits = []struct {
	text   string
	want   budget.Limit
	String string // "" when text cannot be read
}{
	{"100/20s", budget.Limit{Requests: 100, Window: 20 * time.Second}, "100/20s"},
	{"1/1ms", budget.Limit{Requests: 1, Window: time.Millisecond}, "1/1ms"},
	{"1000000000/24h", budget.Limit{Requests: 1e9, Window: 24 * time.Hour}, "1000000000/24h0m0s"},
	{"900/1m", budget.Limit{Requests: 900, Window: time.Minute}, "900/1m0s"},
	{"5/1.5s", budget.Limit{Requests: 5, Window: 1500 * time.Millisecond}, "5/1.5s"},
	{"007/20s", budget.Limit{Requests: 7, Window: 20 * time.Second}, "7/20s"},
	{text: ""},
	{text: "100"},
	{text: "/"},
	{text: "100/"},
	{text: "/20s"},
	{text: "0/20s"},
	{text: "-1/20s"},
	{text: "1.5/20s"},
	{text: "1e2/20s"},
	{text: "1000000001/20s"},
	{text: "99999999999999999999/20s"},
	{text: "100/20"},
	{text: "100/0s"},
	{text: "100/-20s"},
	{text: "100/999us"},
	{text: "100/24h1ns"},
	{text: "100/20s/2"},
	{text: " 100/20s"},
	{text: "100 / 20s"},
	{text: "20s/100"},
	{text: "many/20s"},
}

func TestParseLimit(t *testing.T) {
	t.Parallel()
	for _, test := range limits {
		got, err := budget.ParseLimit(test.text)
		if got != test.want || (err == nil) != (test.String != "") {
			t.Errorf("%q: got %v, %v, want %v", test.text, got, err, test.want)
			continue
		}
		var flag budget.Limit
		if e := flag.UnmarshalText([]byte(test.text)); flag != got || fmt.Sprint(e) != fmt.Sprint(err) {
			t.Errorf("%q as a flag: got %v, %v", test.text, flag, e)
		}
		if err == nil && got.String() != test.String {
			t.Errorf("%q: is written %s, want %s", test.text, got, test.String)
		}
	}
}

func TestParseLimitSaysHow(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"20s/100": `"20s/100" is no limit: write requests/window, like 100/20s`,
		"100/20":  `"100/20" is no limit: the window is a duration from 1ms to 24h, as in 100/20s`,
	} {
		if _, err := budget.ParseLimit(text); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func FuzzParseLimit(f *testing.F) {
	for _, test := range limits {
		f.Add(test.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		limit, err := budget.ParseLimit(text)
		if err != nil {
			return
		}
		if again, err := budget.ParseLimit(limit.String()); again != limit || err != nil {
			t.Errorf("%q is written %s and read as %v, %v", text, limit, again, err)
		}
		if limit.Interval() <= 0 {
			t.Errorf("%q: one request every %s", text, limit.Interval())
		}
	})
}

func TestDefaultIsMicrosofts(t *testing.T) {
	t.Parallel()
	if got, want := budget.DefaultWrites.String(), "100/20s"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := budget.DefaultWrites.Interval(), 202*time.Millisecond; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTime(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		limit string
		n     int
		want  time.Duration
	}{
		{"100/20s", 0, 0},
		{"100/20s", 1, 202 * time.Millisecond},
		{"100/20s", 100_000, 5*time.Hour + 36*time.Minute + 40*time.Second},
		{"1000000000/1ms", 10, 10 * time.Nanosecond},
		{"1/24h", 10_000_000, math.MaxInt64},
		{"1/24h", math.MaxInt, math.MaxInt64},
	} {
		if got := mustParse(t, test.limit).Time(test.n); got != test.want {
			t.Errorf("%d at %s: got %s, want %s", test.n, test.limit, got, test.want)
		}
	}
}

func TestNoLimitIsNoLicence(t *testing.T) {
	t.Parallel()
	for _, limit := range []budget.Limit{{}, {Requests: 100}, {Window: time.Second}, {Requests: -1, Window: time.Second}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v has an interval", limit)
				}
			}()
			limit.Interval()
		}()
	}
}

func ExampleLimit_Time() {
	limit, err := budget.ParseLimit("100/20s")
	fmt.Println(limit.Time(100_000), err)
	// Output: 5h36m40s <nil>
}
