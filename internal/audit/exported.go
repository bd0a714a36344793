package audit

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Head is where the chain of a run stands: with it, nothing that was recorded so far can be changed unnoticed, by nobody.
type Head struct {
	Month  int    `json:"month"`
	Run    int64  `json:"run"`
	Commit int32  `json:"commit"`
	Digest string `json:"digest"` // SHA-256, in hexadecimal
}

// Checkpoint returns the heads of the runs of a month, 0 for all, in their order. Runs that are older than the chain have
// none.
func (a *Audit) Checkpoint(ctx context.Context, month int) ([]Head, error) {
	rows, err := a.pool.Query(ctx, `
		SELECT r.id / 1000000 AS month, r.id AS run, c.commits AS commit, encode(c.digest, 'hex') AS digest
		FROM run r JOIN run_count c ON c.run = r.id
		WHERE c.digest IS NOT NULL AND ($1::bigint = 0 OR r.id / 1000000 = $1)
		ORDER BY r.id`, month)
	if err != nil {
		return nil, fmt.Errorf("read the ends of the chains: %w", err)
	}
	heads, err := pgx.CollectRows(rows, pgx.RowToStructByName[Head])
	if err != nil {
		return nil, fmt.Errorf("read the ends of the chains: %w", err)
	}
	return heads, nil
}

// Exported are heads that were exported before, by run.
type Exported map[int64][]Head

func (e Exported) runs() []int64 { return slices.Sorted(maps.Keys(e)) }

// longestLine is more than any line of a checkpoint or of a worker's log that has a digest.
const longestLine = 1 << 20

// ReadExported reads lines of JSON and takes those that have a run, a commit and a digest: a checkpoint's, and those of a
// worker's log that say that a run has finished. The error names the line that cannot be read.
func ReadExported(r io.Reader) (Exported, error) {
	e := Exported{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, longestLine)
	n := 0
	for lines.Scan() {
		n++
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		var h Head
		if err := json.Unmarshal(line, &h); err != nil {
			return nil, fmt.Errorf("line %d: no JSON with a run, a commit and a digest: %w", n, err)
		}
		if h.Digest == "" {
			continue
		}
		if digest, err := hex.DecodeString(h.Digest); err != nil || len(digest) != 32 || h.Run == 0 || h.Commit < 0 {
			return nil, fmt.Errorf("line %d: %q of run %d is no digest: those have 64 hexadecimal digits", n, h.Digest, h.Run)
		}
		e[h.Run] = append(e[h.Run], h)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", n+1, err)
	}
	for _, heads := range e {
		slices.SortFunc(heads, func(a, b Head) int { return cmp.Compare(a.Commit, b.Commit) })
	}
	return e, nil
}
