package main

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"

	"graphpatch/internal/cli"
)

// view is how a person looks at a table: the width of the terminal, 0 for a file or a pipe, and the present time, in the
// zone that times are shown in.
type view struct {
	width int
	now   time.Time
}

func viewOf(w io.Writer) view { return view{width: cli.Width(w), now: time.Now()} }

func (v view) time(t time.Time) string {
	return t.In(v.now.Location()).Format("2006-01-02 15:04:05 MST")
}

// column returns the heading and the cells of a column of times. The zone stands in the heading when all of them share
// it: terminals are narrow.
func (v view) column(title, layout string, times []time.Time) (heading string, cell func(time.Time) string) {
	zones := map[string]bool{}
	for _, t := range times {
		zones[t.In(v.now.Location()).Format("MST")] = true
	}
	if len(zones) == 1 {
		for zone := range zones {
			title += " (" + zone + ")"
		}
	} else {
		layout += " MST"
	}
	return title, func(t time.Time) string { return t.In(v.now.Location()).Format(layout) }
}

func number(n int) string { return humanize.Comma(int64(n)) }

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return number(n) + " " + noun
}

// text is an optional value as a cell: empty when there is none.
func text[T any](v *T) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(*v)
}

// instant is a time in machine output: UTC, with every digit the database has.
func instant(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func decimal(f *float64) string {
	if f == nil {
		return ""
	}
	return strconv.FormatFloat(*f, 'f', -1, 64)
}
