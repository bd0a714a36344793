package graphsim

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Recording is what a service answered before, one answer after the other for each status. It is made by ReadRecording.
type Recording struct {
	source  io.ReaderAt
	answers map[recordedKey][]place
	ignored int
}

// recordedKey is a hash of a method and what it was for.
type recordedKey [16]byte

// place is where an answer stands in the source: bodies of ten million of them would fill the memory.
type place struct {
	at     int64
	length int32
	sent   int64 // Unix nanoseconds
}

// Answers is how many answers can be played back.
func (r *Recording) Answers() (n int) {
	for _, places := range r.answers {
		n += len(places)
	}
	return n
}

// Ignored is how many events were none of an exchange about one status: a run's own, rows that were never sent, or requests of
// which it is not known whether they had an answer.
func (r *Recording) Ignored() int { return r.ignored }

// ReadRecording reads events of the audit in JSON, as an array or one after the other, in any order. They must have been written
// with bodies. The source is read again when an answer is played, so it must stay as it is.
func ReadRecording(source io.ReaderAt, size int64) (*Recording, error) {
	r := &Recording{source: source, answers: map[recordedKey][]place{}}
	text := json.NewDecoder(io.NewSectionReader(source, 0, size))
	array, err := beginsArray(source, size)
	if err != nil {
		return nil, err
	}
	if array {
		_, _ = text.Token() // the bracket that was seen
	}
	for n := 1; text.More(); n++ {
		if err := r.read(text); err != nil {
			return nil, fmt.Errorf("event %d: %w", n, err)
		}
	}
	if array {
		if _, err := text.Token(); err != nil {
			return nil, fmt.Errorf("the list of events breaks off: %w", err)
		}
	}
	if len(r.answers) == 0 {
		return nil, errors.New("there is no answer in it that could be played back")
	}
	for _, places := range r.answers {
		// Equal instants stay as they stand, of two that are written newest first that is a guess.
		slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(a.sent, b.sent) })
	}
	return r, nil
}

func beginsArray(source io.ReaderAt, size int64) (bool, error) {
	head := make([]byte, min(size, 512))
	if _, err := source.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte("[")), nil
}

// recorded is as much of an event as it takes to play its answer back.
type recorded struct {
	Row        int        `json:"row"`
	Outcome    string     `json:"outcome"`
	Method     string     `json:"method"`
	URL        string     `json:"url"`
	Status     int        `json:"status"` // 0: there was no answer
	SentAt     *time.Time `json:"sentAt"`
	RecordedAt time.Time  `json:"recordedAt"`
	ElapsedMs  float64    `json:"elapsedMs"`
	RequestID  string     `json:"requestId"`
	Headers    string     `json:"responseHeaders"`
	Body       string     `json:"responseBody"`
	BodyCut    *bool      `json:"responseBodyCut"` // nil: the event was written without bodies
}

// read takes the next event.
func (r *Recording) read(text *json.Decoder) error {
	var raw json.RawMessage
	if err := text.Decode(&raw); err != nil {
		return err
	}
	var e recorded
	if err := json.Unmarshal(raw, &e); err != nil {
		return err
	}
	if e.Method == "" || e.URL == "" {
		r.ignored++
		return nil
	}
	if e.BodyCut == nil {
		return errors.New("it is without bodies and headers: write the events with --bodies")
	}
	if e.Status != 0 && (e.Status < 200 || e.Status > 999) {
		return fmt.Errorf("status %d is no answer", e.Status)
	}
	key, err := keyOfURL(e.Method, e.URL)
	if err != nil {
		return err
	}
	sent := e.RecordedAt
	if e.SentAt != nil {
		sent = *e.SentAt
	}
	r.answers[key] = append(r.answers[key], place{text.InputOffset() - int64(len(raw)), int32(len(raw)), sent.UnixNano()})
	return nil
}

// keyOfURL understands the URL of another service, below whatever root that has.
func keyOfURL(method, address string) (recordedKey, error) {
	u, err := url.Parse(address)
	if err != nil {
		return recordedKey{}, err
	}
	path := u.EscapedPath()
	for _, version := range []string{"/beta/", "/v1.0/"} {
		if at := strings.Index(path, version+"deviceManagement/"); at >= 0 {
			target, err := parseRoute(method, path[at:])
			if err == nil && target.resource == oneStatus {
				return keyOf(method, target), nil
			}
		}
	}
	return recordedKey{}, fmt.Errorf("%s %s is no request for a status", method, address)
}

// keyOf is of the same status in any version of the API.
func keyOf(method string, target route) recordedKey {
	parts := []string{method, target.key.configuration, target.key.navigation, target.key.certificateID, target.statusID}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return recordedKey(sum[:16])
}

// load reads an answer whole.
func (r *Recording) load(p place) (recorded, error) {
	var e recorded
	raw := make([]byte, p.length)
	if _, err := r.source.ReadAt(raw, p.at); err != nil && !errors.Is(err, io.EOF) {
		return e, err
	}
	err := json.Unmarshal(raw, &e)
	return e, err
}
