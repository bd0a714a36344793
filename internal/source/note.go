package source

import (
	"crypto/sha256"
	"fmt"
)

// Note is what a run keeps of the table it came from, so that it can be given back as it came.
type Note struct {
	File         string     `json:"file,omitempty"`
	Query        *QueryNote `json:"query,omitempty"`
	SHA256       string     `json:"sha256"`
	Bytes        int64      `json:"bytes"`
	Encoding     string     `json:"encoding"`
	Delimiter    string     `json:"delimiter"`
	Header       []string   `json:"header"`
	Columns      []string   `json:"columns"`
	OtherColumns []int      `json:"otherColumns"`
	Skipped      int        `json:"skipped,omitempty"`

	Style Style `json:"style"`
	// What the same rows need to be enqueued again, apart from the columns.
	Set     map[string]string `json:"set,omitempty"`
	EmptyAs string            `json:"emptyAs"`

	Reconciliation string `json:"reconciliation,omitempty"` // by whose schedule it came in
}

// Note is what there is to keep of a table that was read with these constants, its empty cells as absent or null.
func (s *Summary) Note(set map[string]string, emptyAs string) *Note {
	return &Note{
		SHA256: fmt.Sprintf("%x", s.SHA256), Bytes: s.Bytes, Encoding: s.Encoding, Delimiter: string(s.Delimiter),
		Header: s.Header, Columns: s.Columns, OtherColumns: s.OtherColumns, Skipped: s.Skipped,
		Style: s.Style, Set: set, EmptyAs: emptyAs,
	}
}

// QueryNote is what a run keeps of the query it came from. What the parameters stood for is not in it: they are where
// something personal or secret would be.
type QueryNote struct {
	Server     string `json:"server"`
	Host       string `json:"host"`
	Database   string `json:"database"`
	Text       string `json:"text"`
	SHA256     string `json:"sha256"`
	Parameters int    `json:"parameters,omitempty"` // how many
	TimeZone   string `json:"timeZone,omitempty"`
}

// Note is what there is to keep of the query.
func (cfg *QueryConfig) Note() *QueryNote {
	n := &QueryNote{
		Server: cfg.Address.Server, Host: cfg.Address.Host, Database: cfg.Address.Database,
		Text: cfg.Text, SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(cfg.Text))), Parameters: len(cfg.Parameters),
	}
	if cfg.TimeZone != nil {
		n.TimeZone = cfg.TimeZone.String()
	}
	return n
}
