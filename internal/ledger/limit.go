package ledger

import (
	"fmt"
	"strconv"
	"strings"
)

// FailureLimit is how many rows of a run may be rejected or failed before the run is held. The zero FailureLimit is any
// number. Throttled and spared answers and rows that come again never count.
type FailureLimit struct {
	Rows    int32   // so many hold the run; 0: not by number
	Percent float64 // more than this share of the settled rows hold it, once minSettled of them are; in [0, 100)
	Share   bool    // Percent is meant
}

// minSettled is how many settled rows tell a share: before, one row would be a whole per cent and more.
const minSettled = 100

// ParseFailureLimit reads a number of rows such as 200, or a share such as 5% or 0.5%. 100% is no limit.
func ParseFailureLimit(s string) (FailureLimit, error) {
	wrong := fmt.Errorf("%q is no limit of failures: write a number of rows such as 200, or a share of the settled rows such as 5%%; 100%% is no limit", s)
	text, share := strings.CutSuffix(s, "%")
	if !share {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 1 {
			return FailureLimit{}, wrong
		}
		return FailureLimit{Rows: int32(n)}, nil
	}
	percent, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	switch {
	case err != nil || !(percent >= 0 && percent <= 100): // NaN is neither
		return FailureLimit{}, wrong
	case percent == 100:
		return FailureLimit{}, nil
	}
	return FailureLimit{Percent: percent, Share: true}, nil
}

// String writes the limit as ParseFailureLimit reads it.
func (f FailureLimit) String() string {
	switch {
	case f.Share:
		return strconv.FormatFloat(f.Percent, 'f', -1, 64) + "%"
	case f.Rows > 0:
		return strconv.Itoa(int(f.Rows))
	}
	return "100%"
}

// UnmarshalText is ParseFailureLimit, for flags.
func (f *FailureLimit) UnmarshalText(text []byte) (err error) {
	*f, err = ParseFailureLimit(string(text))
	return err
}

// exceeded reports whether so many failures among so many settled rows are too many.
func (f FailureLimit) exceeded(settled, failures int32) bool {
	switch {
	case f.Share:
		return settled >= minSettled && 100*float64(failures) > f.Percent*float64(settled)
	case f.Rows > 0:
		return failures >= f.Rows
	}
	return false
}

// percent is the column's value.
func (f FailureLimit) percent() *float64 {
	if !f.Share {
		return nil
	}
	return &f.Percent
}
