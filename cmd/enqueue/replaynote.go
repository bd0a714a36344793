package main

import (
	"encoding/json"
	"fmt"
	"time"

	"graphpatch/internal/audit"
)

// noteOf is that of the origin, so that the columns of the file it came from can be given back for these rows, too; with what
// was asked for.
func noteOf(origin *audit.Detail, kind string, what asked) (map[string]json.RawMessage, error) {
	note := map[string]json.RawMessage{}
	if err := json.Unmarshal(origin.Source, &note); err != nil {
		return nil, fmt.Errorf("read what run %d notes of its source: %w", origin.ID, err)
	}
	delete(note, "skipped") // of the file, and told with its run
	delete(note, "replay")  // what was asked of the origin
	delete(note, "revert")
	text, err := json.Marshal(what)
	note[kind] = text
	return note, err
}

// asked is what was asked for, in words that stay true: times are instants.
type asked struct {
	Outcomes      []string   `json:"outcomes,omitempty"` // none: rejected and failed
	Row           *int32     `json:"row,omitempty"`
	Final         bool       `json:"final,omitempty"`
	StatusFrom    int        `json:"statusFrom,omitempty"`
	StatusTo      int        `json:"statusTo,omitempty"`
	ErrorCode     string     `json:"errorCode,omitempty"`
	Worker        string     `json:"worker,omitempty"`
	User          string     `json:"user,omitempty"`
	Configuration string     `json:"configuration,omitempty"`
	Route         string     `json:"route,omitempty"`
	StatusID      string     `json:"statusId,omitempty"`
	RequestID     string     `json:"requestId,omitempty"`
	Since         *time.Time `json:"since,omitempty"`
	Until         *time.Time `json:"until,omitempty"`
	Force         bool       `json:"force,omitempty"`
}

func askedOf(f *audit.ReplayFilter) asked {
	e := &f.Events
	a := asked{
		Outcomes: e.Outcomes, Row: e.Row, Final: e.Final, StatusFrom: e.Status.Low, StatusTo: e.Status.High, ErrorCode: e.ErrorCode, Worker: e.Worker,
		User: e.User.Text, Configuration: e.Configuration, Route: e.Route, StatusID: e.StatusID, RequestID: e.RequestID,
		Since: instant(e.Since), Until: instant(e.Until), Force: f.Force,
	}
	if e.User.Prefix {
		a.User += "*"
	}
	return a
}

// instant is nil for a time that was not given.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
