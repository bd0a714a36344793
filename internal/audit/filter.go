package audit

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/userstatus"
)

// EventFilter says which events; they satisfy all that is set. The zero EventFilter is all of them.
type EventFilter struct {
	Run      int64     // 0: every run. One that does not exist is ErrNoRun
	Row      *int32    // 0: the run's own events
	Tenant   uuid.UUID // whose run it is; uuid.Nil: every tenant
	Outcomes []string  // any of these
	Final    bool      // only events that settle their row
	Status   StatusRange
	// ErrorCode is what stands before the first colon of an error, in any case: Graph's code. Its first 64 characters count.
	ErrorCode string
	Worker    string // that recorded it

	User          UserPattern
	Configuration string // deviceConfigurationId
	Route         string // its short name
	StatusID      string // userStatusId
	RequestID     string // Graph's request-id or our client-request-id

	Since, Until time.Time // recorded in [Since, Until)

	Oldest bool   // first, instead of the newest
	After  string // the ID of an event: only those that come after it, in this order. One that does not exist is ErrNoEvent
	Limit  int    // 0: no limit
	Bodies bool   // read bodies and headers too
}

// StatusRange is a range of HTTP statuses. The zero StatusRange is any status, and none.
type StatusRange struct{ Low, High int }

// ParseStatus reads a status such as 429, or a class such as 4xx.
func ParseStatus(s string) (StatusRange, error) {
	wrong := fmt.Errorf("%q is no HTTP status: write a number such as 429, or a class such as 4xx", s)
	if len(s) != 3 || s[0] < '1' || s[0] > '5' {
		return StatusRange{}, wrong
	}
	if class := int(s[0]-'0') * 100; strings.EqualFold(s[1:], "xx") {
		return StatusRange{class, class + 99}, nil
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return StatusRange{}, wrong
	}
	return StatusRange{int(n), int(n)}, nil
}

// UserPattern is a userPrincipalName, or how one begins. The zero UserPattern is every user, and none.
type UserPattern struct {
	Text   string // compared in any case, as Entra does
	Prefix bool
}

// ParseUser reads a userPrincipalName; with a star at the end, whatever begins like that.
func ParseUser(s string) (UserPattern, error) {
	text, prefix := strings.CutSuffix(s, "*")
	switch {
	case s == "":
		return UserPattern{}, fmt.Errorf("an empty user name matches nothing: write a userPrincipalName, or how it begins and a star")
	case strings.Contains(text, "*"):
		return UserPattern{}, fmt.Errorf("%q: a star is possible at the end only", s)
	}
	return UserPattern{Text: text, Prefix: prefix}, nil
}

// ParseOutcome checks the name of an outcome. The error names the near miss, or all of them.
func ParseOutcome(s string) (string, error) {
	for _, o := range Outcomes() {
		if s == o {
			return o, nil
		}
	}
	if near, ok := userstatus.Suggest(s, Outcomes()); ok {
		return "", fmt.Errorf("%q is no outcome: write %s", s, near)
	}
	return "", fmt.Errorf("%q is no outcome: use some of %s", s, strings.Join(Outcomes(), ", "))
}
