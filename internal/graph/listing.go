package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"graphpatch/internal/userstatus"
)

// Listing goes through the statuses of one collection, a page at a time. Whoever drives it decides when the next page is
// asked for, and whether after a failure at all: the listing stays at its page then. Not for concurrent use.
type Listing struct {
	client *Client
	next   string
	seen   map[string]bool // links followed
	done   bool
}

// Shown is a status as a page of a list shows it.
type Shown struct {
	userstatus.Observed
	JSON json.RawMessage // the object as it stands there
}

// UnmarshalJSON reads the status and keeps its text.
func (s *Shown) UnmarshalJSON(text []byte) error {
	s.JSON = append(s.JSON[:0:0], text...)
	return json.Unmarshal(text, &s.Observed)
}

// LinkError says that Graph's link to the next page must not be followed.
type LinkError struct {
	Link    string
	Problem string
}

func (e *LinkError) Error() string {
	return fmt.Sprintf("the link to the next page %s: %.200q", e.Problem, e.Link)
}

// List begins a listing of all statuses of a collection: a target whose StatusID does not count.
func (c *Client) List(collection userstatus.Target) *Listing {
	return &Listing{client: c, next: c.url(c.collectionSegments(collection)...), seen: map[string]bool{}}
}

// Done reports whether there are no more pages.
func (l *Listing) Done() bool { return l.done }

// Link is where the listing stands, for Resume: text that may be stored, but leads to one tenant's data. It is empty when
// the listing is done.
func (l *Listing) Link() string {
	if l.done {
		return ""
	}
	return l.next
}

// Resume takes up a listing where another one stood. The error is a *LinkError.
func (l *Listing) Resume(link string) error {
	if link == "" {
		l.done = true
		return nil
	}
	if err := l.client.checkLink(link); err != nil {
		return err
	}
	l.next = link
	return nil
}

// Next makes one exchange and returns the statuses of one page, which may be empty. With an error there is no page, and
// the listing stays where it was: a *ReadError, when asking again may help; a *LinkError, when it will not. It panics when
// the listing is done.
func (l *Listing) Next(ctx context.Context, id uuid.UUID) (Exchange, []Shown, error) {
	if l.done {
		panic("graph: a listing that is done has no next page")
	}
	var page struct {
		Value []Shown `json:"value"`
		Next  string  `json:"@odata.nextLink"`
	}
	x, err := l.client.read(ctx, l.next, id, "the list of statuses", &page, maxPage)
	if err != nil {
		return x, nil, err
	}
	if page.Value == nil {
		return x, nil, &ReadError{"the list of statuses", "the answer has no value"}
	}
	if err := l.follow(page.Next); err != nil {
		return x, nil, err
	}
	return x, page.Value, nil
}

// follow goes on to the next page. The same link has been seen to come for ever.
func (l *Listing) follow(link string) error {
	if link == "" {
		l.done = true
		return nil
	}
	if err := l.client.checkLink(link); err != nil {
		return err
	}
	if link == l.next || l.seen[link] {
		return &LinkError{link, "leads back to a page that was read before"}
	}
	l.seen[l.next] = true
	l.next = link
	return nil
}

// maxLink is how long a link may be, in bytes: Graph's have some hundred, and all that were followed are remembered.
const maxLink = 8 << 10

// checkLink accepts what is at the configured root: the token must not go anywhere else. Beyond that a link is opaque.
func (c *Client) checkLink(link string) error {
	if len(link) > maxLink {
		return &LinkError{link, "is longer than 8 KiB"}
	}
	u, err := url.Parse(link)
	if err != nil {
		return &LinkError{link, "is no URL"}
	}
	root, err := url.Parse(c.base)
	if err != nil {
		panic("graph: " + err.Error()) // New has parsed it
	}
	if u.Scheme != root.Scheme || !strings.EqualFold(hostAndPort(u), hostAndPort(root)) || u.User != nil {
		return &LinkError{link, "leads to another host than " + root.Host}
	}
	return nil
}

// hostAndPort names the port that the scheme stands for.
func hostAndPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return u.Hostname() + ":" + port
}
