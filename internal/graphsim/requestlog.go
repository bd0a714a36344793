package graphsim

import (
	"sync"
	"time"
)

// Request is one exchange as the log keeps it. Seq counts answers, At is when
// the request came, so with concurrent requests their orders may differ.
type Request struct {
	Seq             uint64    `json:"seq"` // from 1
	At              time.Time `json:"at"`
	Method          string    `json:"method"`
	Path            string    `json:"path"`                      // percent-encoded, as sent
	Query           string    `json:"query,omitempty"`           // as sent, without the question mark
	Host            string    `json:"host"`                      // as sent
	TokenID         string    `json:"tokenId"`                   // 16 hex digits of the token's SHA-256; "" without a token
	ClientRequestID string    `json:"clientRequestId"`           // as sent; "" if it was not
	RequestID       string    `json:"requestId"`                 // as answered
	Status          int       `json:"status"`                    // 0: no answer was given
	RetryAfter      string    `json:"retryAfter,omitempty"`      // as answered; several are joined with commas
	Applied         bool      `json:"applied"`                   // it was a PATCH and took effect
	Fault           string    `json:"fault,omitempty"`           // the kind of the fault it met
	Body            string    `json:"body"`                      // as sent, after decompression; cut off where reading failed
	ContentEncoding string    `json:"contentEncoding,omitempty"` // as sent
	WaitedMs        float64   `json:"waitedMs"`                  // latency that was put in on the way back, milliseconds
}

// entry is a Request without pointers: a million of them would otherwise keep
// the garbage collector busy. Its texts lie in the segment, one after another.
type entry struct {
	at        int64 // Unix nanoseconds
	waitedMs  float64
	textsFrom int
	lengths   [textCount]int32
	status    int16
	applied   bool
}

const textCount = 11

func (r *Request) texts() [textCount]*string {
	return [textCount]*string{&r.Method, &r.Path, &r.Query, &r.TokenID, &r.ClientRequestID, &r.RequestID, &r.Fault, &r.Body, &r.ContentEncoding, &r.Host, &r.RetryAfter}
}

// segment is a part of the log that is dropped as a whole.
type segment struct {
	base    uint64 // seq of the first entry
	entries []entry
	text    []byte
}

const (
	segmentEntries = 1024
	maxTextAhead   = 1 << 20 // otherwise one segment of huge bodies makes all later ones huge
)

// requestLog keeps the newest exchanges, at most keep of them.
type requestLog struct {
	keep int

	mu       sync.RWMutex
	last     uint64 // seq
	segments []*segment
}

func newRequestLog(keep int) *requestLog { return &requestLog{keep: keep} }

// add appends an exchange under the next seq. The lock covers copying bytes,
// nothing else.
func (l *requestLog) add(r *Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.open()
	l.last++
	e := entry{at: r.At.UnixNano(), waitedMs: r.WaitedMs, textsFrom: len(s.text), status: int16(r.Status), applied: r.Applied}
	for i, text := range r.texts() {
		e.lengths[i] = int32(len(*text))
		s.text = append(s.text, *text...)
	}
	s.entries = append(s.entries, e)
}

// open returns the segment to append to. A new one is given the room that the
// one before turned out to need.
func (l *requestLog) open() *segment {
	room := 0
	if n := len(l.segments); n > 0 {
		newest := l.segments[n-1]
		if len(newest.entries) < segmentEntries {
			return newest
		}
		room = min(len(newest.text)+len(newest.text)/16, maxTextAhead)
	}
	fresh := &segment{base: l.last + 1, entries: make([]entry, 0, segmentEntries), text: make([]byte, 0, room)}
	l.dropOld()
	l.segments = append(l.segments, fresh)
	return fresh
}

func (l *requestLog) dropOld() {
	for len(l.segments) > 0 && l.segments[0].base+segmentEntries <= l.oldest() {
		l.segments[0] = nil
		l.segments = l.segments[1:]
	}
}

// oldest is the seq of the first exchange that is still kept.
func (l *requestLog) oldest() uint64 {
	if l.last > uint64(l.keep) {
		return l.last - uint64(l.keep) + 1
	}
	return 1
}

// counts returns how many exchanges are kept and how many were dropped.
func (l *requestLog) counts() (kept, dropped uint64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	dropped = l.oldest() - 1
	return l.last - dropped, dropped
}

// after copies at most n exchanges that come after seq, oldest first.
func (l *requestLog) after(seq uint64, n int) []Request {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var found []Request
	for next := max(seq, l.oldest()-1) + 1; next <= l.last && len(found) < n; next++ {
		s := l.segments[(next-l.segments[0].base)/segmentEntries]
		found = append(found, s.request(next))
	}
	return found
}

func (s *segment) request(seq uint64) Request {
	e := &s.entries[seq-s.base]
	r := Request{Seq: seq, At: time.Unix(0, e.at).UTC(), Status: int(e.status), Applied: e.applied, WaitedMs: e.waitedMs}
	from := e.textsFrom
	for i, text := range r.texts() {
		*text = string(s.text[from : from+int(e.lengths[i])])
		from += int(e.lengths[i])
	}
	return r
}
