package cli

import (
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Column is a column of a Table.
type Column struct {
	Title string
	Right bool // numbers stand on the right
	Fit   Fit
}

// Fit says what becomes of a column's long cells when the terminal is too narrow.
type Fit int

// The fits. One or two columns that give way are enough for a table.
const (
	Keep  Fit = iota
	Cut       // they end in …
	Wrap      // they go on in the next line
	Spare     // they end in …; and when even that is too wide, the column is left out
)

// Table is rows under a heading, for a person. Columns that are empty in every row are left out.
type Table struct {
	columns []Column
	rows    [][]string
}

// NewTable returns a table of these columns. If none has a title there is no heading.
func NewTable(columns ...Column) *Table { return &Table{columns: columns} }

// Add adds a row: a cell for each column, which is made Visible.
func (t *Table) Add(cells ...string) {
	row := make([]string, len(cells))
	for i, cell := range cells {
		row[i] = Visible(cell)
	}
	t.rows = append(t.rows, row)
}

// Write writes the table for a terminal of that width; for width 0 nothing is cut or wrapped.
func (t *Table) Write(w io.Writer, width int) error {
	filled := t.filled().without(width)
	writer := table.NewWriter()
	writer.SetStyle(tableStyle())
	writer.SetColumnConfigs(filled.configs(width))
	if slices.ContainsFunc(filled.columns, func(c Column) bool { return c.Title != "" }) {
		writer.AppendHeader(filled.heading())
	}
	for _, row := range filled.rows {
		writer.AppendRow(cells(row))
	}
	_, err := io.WriteString(w, fitLines(writer.Render(), width))
	return err
}

// filled is the table without its empty columns.
func (t *Table) filled() *Table {
	f := &Table{rows: make([][]string, len(t.rows))}
	for i, c := range t.columns {
		if len(t.rows) > 0 && !slices.ContainsFunc(t.rows, func(row []string) bool { return row[i] != "" }) {
			continue
		}
		f.columns = append(f.columns, c)
		for r, row := range t.rows {
			f.rows[r] = append(f.rows[r], row[i])
		}
	}
	return f
}

// without is the table without the spare columns for which there is no place, the last ones first.
func (t *Table) without(width int) *Table {
	for width > 0 && t.least() > width {
		spare := -1
		for i, c := range t.columns {
			if c.Fit == Spare {
				spare = i
			}
		}
		if spare < 0 {
			break
		}
		t.columns = slices.Delete(t.columns, spare, spare+1)
		for r := range t.rows {
			t.rows[r] = slices.Delete(t.rows[r], spare, spare+1)
		}
	}
	return t
}

func (t *Table) heading() table.Row {
	var row table.Row
	for _, c := range t.columns {
		row = append(row, c.Title)
	}
	return row
}

func cells(texts []string) table.Row {
	var row table.Row
	for _, text := range texts {
		row = append(row, text)
	}
	return row
}

// gap stands between two columns.
const gap = "  "

func tableStyle() table.Style {
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format = table.FormatOptions{}
	style.Box.PaddingLeft, style.Box.PaddingRight = "", gap
	return style
}

func (t *Table) configs(width int) []table.ColumnConfig {
	configs := make([]table.ColumnConfig, len(t.columns))
	for i, most := range t.widths(width) {
		c := table.ColumnConfig{Number: i + 1, WidthMax: most, WidthMaxEnforcer: text.WrapSoft}
		if fit := t.columns[i].Fit; fit == Cut || fit == Spare {
			c.WidthMaxEnforcer = cut
		}
		if t.columns[i].Right {
			c.Align, c.AlignHeader = text.AlignRight, text.AlignRight
		}
		configs[i] = c
	}
	return configs
}

func cut(s string, width int) string { return text.Snip(s, width, "…") }

// narrowest is what a column that gives way keeps at least, however narrow the terminal.
const narrowest = 8

// widths shares out the terminal: columns that give way get equal parts of what the others leave, and the narrow ones
// leave what they do not need to the wide ones. 0 means whatever it needs.
func (t *Table) widths(width int) []int {
	widths := make([]int, len(t.columns))
	if width == 0 {
		return widths
	}
	left := width + len(gap)
	var giving []int
	for i, c := range t.columns {
		left -= len(gap)
		if c.Fit == Keep {
			left -= t.natural(i)
		} else {
			giving = append(giving, i)
		}
	}
	slices.SortStableFunc(giving, func(a, b int) int { return t.natural(a) - t.natural(b) })
	for n, i := range giving {
		widths[i] = min(t.natural(i), max(left/(len(giving)-n), narrowest))
		left -= widths[i]
	}
	return widths
}

// least is the width of the table when every column that gives way has given it.
func (t *Table) least() int {
	sum := -len(gap)
	for i, c := range t.columns {
		width := t.natural(i)
		if c.Fit != Keep {
			width = min(width, narrowest)
		}
		sum += width + len(gap)
	}
	return sum
}

// natural is the width of a column's widest cell.
func (t *Table) natural(i int) int {
	widest := text.StringWidthWithoutEscSequences(t.columns[i].Title)
	for _, row := range t.rows {
		widest = max(widest, text.StringWidthWithoutEscSequences(row[i]))
	}
	return widest
}

// fitLines takes away the padding of the last column, cuts what is still too wide, and ends the last line.
func fitLines(s string, width int) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
		if width > 0 {
			lines[i] = cut(lines[i], width)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}
