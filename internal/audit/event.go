package audit

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// Event is one event of the audit, with the ids of the row it happened to. What does not apply is nil: an event of the
// run itself (row 0) has no target, one without a request has no answer. Times are UTC.
type Event struct {
	ID              string     `json:"id"` // what names it; stays the same
	Run             int64      `json:"run"`
	Row             int        `json:"row"`
	Line            *int64     `json:"line"` // where the row begins in its source
	Outcome         string     `json:"outcome"`
	Final           bool       `json:"final"`
	Spared          bool       `json:"spared"` // transient or unknown, and counted against no attempt of its row
	Status          *int       `json:"status"` // of HTTP
	Method          *string    `json:"method"`
	URL             *string    `json:"url"`
	SentAt          *time.Time `json:"sentAt"`
	RecordedAt      time.Time  `json:"recordedAt"`
	ElapsedMs       *float64   `json:"elapsedMs"`
	ClientRequestID *uuid.UUID `json:"clientRequestId"`
	RequestID       *string    `json:"requestId"`
	Worker          *string    `json:"worker"`
	Actor           *string    `json:"actor"`
	Error           *string    `json:"error"` // of the run's own events the reason

	Route                 *string `json:"route"`
	DeviceConfigurationID *string `json:"deviceConfigurationId"`
	CertificateID         *string `json:"certificateId"`
	UserStatusID          *string `json:"userStatusId"`
	UserPrincipalName     *string `json:"userPrincipalName"` // that the row asks for

	// As they went over the wire; only with EventFilter.Bodies.
	RequestBody     []byte `json:"-"`
	ResponseHeaders []byte `json:"-"`
	ResponseBody    []byte `json:"-"`
	BodyCut         bool   `json:"-"` // ResponseBody holds only the first 64 KiB
}

// Late reports whether this is an answer that came after its row had been taken over: it would have settled the row.
func (e *Event) Late() bool { return !e.Final && slices.Contains(settling, e.Outcome) }

// The outcomes: those that settle a row, those of attempts after which it comes again, and those of runs.
var (
	settling = []string{"applied", "rejected", "failed", "unchanged", "superseded", "moved", "missing"}
	passing  = []string{"observed", "throttled", "unauthorized", "refused", "transient", "unknown"}
	ofRuns   = []string{"enqueued", "planned", "held", "released", "cancelled", "finished", "replayed", "reverted", "erased"}
)

// Outcomes returns every outcome an event can have.
func Outcomes() []string { return slices.Concat(settling, passing, ofRuns) }

func (e *Event) toUTC() {
	e.RecordedAt = e.RecordedAt.UTC()
	toUTC(e.SentAt)
}
