package main

import (
	"context"
	"io"
	"iter"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"graphpatch/internal/cli"
	"graphpatch/internal/userstatus"
)

// importBar shows how far an import is, or the query before it, to a person.
type importBar struct {
	progress *mpb.Progress
	bar      *mpb.Bar
}

func newImportBar(ctx context.Context, w io.Writer, rows int) *importBar {
	if !cli.IsTerminal(w) {
		return &importBar{}
	}
	p := mpb.NewWithContext(ctx, mpb.WithOutput(w), mpb.WithWidth(40))
	bar := p.AddBar(int64(rows), mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name("importing ")),
		mpb.AppendDecorators(decor.CountersNoUnit("%d of %d rows"), decor.AverageSpeed(0, "  %.0f/s")))
	return &importBar{progress: p, bar: bar}
}

// newQueryBar shows how many rows of a query have come; how many there will be nobody knows.
func newQueryBar(ctx context.Context, w io.Writer) *importBar {
	if !cli.IsTerminal(w) {
		return &importBar{}
	}
	p := mpb.NewWithContext(ctx, mpb.WithOutput(w), mpb.WithWidth(4))
	bar := p.AddSpinner(0, mpb.BarRemoveOnComplete(), mpb.PrependDecorators(decor.Name("asking ")), mpb.AppendDecorators(decor.CurrentNoUnit("%d rows so far")))
	return &importBar{progress: p, bar: bar}
}

// reached says how far it is.
func (b *importBar) reached(rows int) {
	if b.bar != nil {
		b.bar.SetCurrent(int64(rows))
	}
}

// barStep is how many rows make one step of the bar: a step costs more than a row.
const barStep = 1000

// count passes the rows on and moves the bar.
func (b *importBar) count(rows iter.Seq2[userstatus.Row, error]) iter.Seq2[userstatus.Row, error] {
	if b.bar == nil {
		return rows
	}
	return func(yield func(userstatus.Row, error) bool) {
		n := 0
		for row, err := range rows {
			if n++; n%barStep == 0 {
				b.bar.IncrBy(barStep)
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// close takes the bar away.
func (b *importBar) close() {
	if b.bar != nil {
		b.bar.Abort(true)
		b.progress.Wait()
	}
}
