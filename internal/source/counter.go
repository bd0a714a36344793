package source

import "graphpatch/internal/userstatus"

// counter tallies the good rows and takes down their targets, on a goroutine of its own: hashing is a third of the
// first reading, and nothing that reads or checks a row waits for its result.
type counter struct {
	tally   *Tally
	targets *duplicates

	batch []counted // being filled
	text  int       // the bytes of the records in it
	full  chan []counted
	empty chan []counted
	ended chan struct{}
	err   error // of the targets; to be read when ended is closed
}

// counted is what is kept of a row until it is counted. Its strings hold the whole record in memory.
type counted struct {
	update userstatus.Update
	line   int64
	row    int32
}

const (
	batches = 3 // one to fill, one to count, one between them
	// batchRows makes a batch worth the hand-over, batchText bounds the memory for long records: with the record that
	// goes beyond it, 1.1 MiB in each batch.
	batchRows = 128
	batchText = 64 << 10
)

func newCounter(t *Tally, targets *duplicates) *counter {
	c := &counter{
		tally: t, targets: targets, batch: make([]counted, 0, batchRows),
		full: make(chan []counted, batches), empty: make(chan []counted, batches), ended: make(chan struct{}),
	}
	for range batches - 1 {
		c.empty <- make([]counted, 0, batchRows)
	}
	go c.run()
	return c
}

func (c *counter) run() {
	defer close(c.ended)
	for batch := range c.full {
		for i := range batch {
			r := &batch[i]
			if c.err = c.targets.add(c.tally.Add(&r.update), r.row, r.line); c.err != nil {
				return
			}
		}
		clear(batch) // otherwise records would stay for as long as no later batch is as full
		c.empty <- batch[:0]
	}
}

// add takes a row that may be used again afterwards. The error is that of an earlier row.
func (c *counter) add(r record) error {
	c.batch = append(c.batch, counted{r.row.Update, r.row.Line, r.row.Number})
	for _, cell := range r.cells {
		c.text += len(cell)
	}
	if len(c.batch) < batchRows && c.text < batchText {
		return nil
	}
	c.full <- c.batch // has room for all batches
	c.batch, c.text = nil, 0
	select {
	case c.batch = <-c.empty:
		return nil
	case <-c.ended:
		return c.err
	}
}

// end waits until every row is counted, or one could not be.
func (c *counter) end() error {
	if len(c.batch) > 0 {
		c.full <- c.batch
	}
	close(c.full)
	<-c.ended
	return c.err
}
