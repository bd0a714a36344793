package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"graphpatch/internal/userstatus"
)

// ReadError says that an answer does not show what was asked for. The exchange that comes with it tells what it was.
type ReadError struct {
	What    string // e.g. "a status"
	Problem string
}

func (e *ReadError) Error() string {
	return fmt.Sprintf("Graph does not show %s: %s", e.What, e.Problem)
}

// Get reads one status. The error is a *ReadError; then nothing was observed.
func (c *Client) Get(ctx context.Context, target userstatus.Target, id uuid.UUID) (Exchange, userstatus.Observed, error) {
	var o userstatus.Observed
	x, err := c.read(ctx, c.statusURL(target), id, "the status", &o, maxObject)
	return x, o, err
}

// Overview is how many users of a configuration are in which state, on the plain route.
type Overview struct {
	Pending       int `json:"pendingCount"`
	NotApplicable int `json:"notApplicableCount"`
	Success       int `json:"successCount"`
	Error         int `json:"errorCount"`
	Failed        int `json:"failedCount"`
}

// Sum is how many statuses a listing should have: lists have been seen that are short without a word.
func (o Overview) Sum() int { return o.Pending + o.NotApplicable + o.Success + o.Error + o.Failed }

// Overview reads the userStatusOverview of a configuration. The error is a *ReadError.
func (c *Client) Overview(ctx context.Context, configurationID string, id uuid.UUID) (Exchange, Overview, error) {
	var o Overview
	x, err := c.read(ctx, c.url(configurationID, "userStatusOverview"), id, "the overview", &o, maxObject)
	return x, o, err
}

// Configurations reads the first page of the device configurations, and returns how many are on it: the one question that
// can be asked without knowing an id. The error is a *ReadError.
func (c *Client) Configurations(ctx context.Context, id uuid.UUID) (Exchange, int, error) {
	var page struct {
		Value []struct{} `json:"value"` // only counted
	}
	x, err := c.read(ctx, c.url(), id, "the device configurations", &page, maxConfigurations)
	return x, len(page.Value), err
}

// How long an answer to a read may be, in bytes. What is made of it in memory may take ten times as much.
const (
	maxObject         = 1 << 20  // a status takes 300 bytes
	maxPage           = 4 << 20  // a page of 1000 statuses takes 300 KiB
	maxConfigurations = 64 << 20 // of a page: profiles bring along files of a megabyte
)

// read makes one GET and decodes its answer, of at most so many bytes, into v. Nothing is decoded of one that broke off.
func (c *Client) read(ctx context.Context, url string, id uuid.UUID, what string, v any, most int64) (Exchange, error) {
	x, whole := c.doLarge(ctx, http.MethodGet, url, nil, id, most)
	switch {
	case x.Status != http.StatusOK:
		return x, &ReadError{what, x.Problem()}
	case x.Err != nil:
		return x, &ReadError{what, x.Err.Error()}
	case whole == nil:
		return x, &ReadError{what, fmt.Sprintf("its answer is longer than %d MiB", most>>20)}
	}
	if err := json.Unmarshal(whole, v); err != nil {
		return x, &ReadError{what, err.Error()}
	}
	return x, nil
}
