package main

import (
	"encoding/csv"
	"io"

	"graphpatch/internal/cli"
)

// field is a column of CSV: the name of the property in JSON, and its text.
type field[T any] struct {
	name string
	text func(*T) string
}

// csvWriter writes one record for each value, and a header before the first: no values, no output.
type csvWriter[T any] struct {
	out     *csv.Writer
	fields  []field[T]
	visible bool // a terminal reads it: no control characters
	begun   bool
}

func newCSVWriter[T any](w io.Writer, fields []field[T]) *csvWriter[T] {
	return &csvWriter[T]{out: csv.NewWriter(w), fields: fields, visible: cli.Width(w) > 0}
}

func (c *csvWriter[T]) write(v *T) error {
	record := make([]string, len(c.fields))
	if !c.begun {
		c.begun = true
		for i, f := range c.fields {
			record[i] = f.name
		}
		if err := c.out.Write(record); err != nil {
			return err
		}
	}
	for i, f := range c.fields {
		record[i] = f.text(v)
		if c.visible {
			record[i] = cli.Visible(record[i])
		}
	}
	return c.out.Write(record)
}

func (c *csvWriter[T]) close() error {
	c.out.Flush()
	return c.out.Error()
}
