package budget

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// request is what a lane asks the database for.
type request struct {
	class           string
	want            int
	lead, horizon   time.Duration
	limit, aboveAll Limit
	seen, seenAbove time.Time
}

// reservation is what it gets: n slots from first on, step apart, on the database's clock.
type reservation struct {
	n             int
	first         time.Time
	step          time.Duration
	tat, tatAbove time.Time
	limit         Limit
}

// stepAbove is the emission interval of the tenant's limit: twice the slack, because a range of slots that interlaces with
// another app's is used up to a lease later than it was counted.
func (l Limit) stepAbove() time.Duration {
	return Limit{Requests: l.Requests, Window: l.Window + slack}.Interval()
}

const reserveSQL = `
SELECT granted, first, step, (mine).tat, (above).tat, (mine).quota, at,
       (mine).revision, (mine).paused_since, (mine).paused_until, (mine).asked, (mine).down, (mine).strikes, (mine).reason
FROM budget_reserve($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`

// reserve takes slots. The statement is nobody's in particular, so no caller's end is its end.
func (b *Budget) reserve(ctx context.Context, r request) (given reservation, err error) {
	var aboveQuota *string
	var aboveEvery *time.Duration
	if r.aboveAll != (Limit{}) {
		quota, every := r.aboveAll.String(), wholeMicroseconds(r.aboveAll.stepAbove())
		aboveQuota, aboveEvery = &quota, &every
	}
	var h halt
	var quota string
	var tatAbove pgtype.Timestamptz
	err = b.exchange(ctx, func(ctx context.Context, conn *pgx.Conn) (at time.Time, err error) {
		err = conn.QueryRow(ctx, reserveSQL, b.tenant, b.app, r.class, r.want, lease, r.lead, r.horizon,
			r.limit.String(), wholeMicroseconds(r.limit.Interval()), known(r.seen), aboveQuota, aboveEvery, known(r.seenAbove)).
			Scan(&given.n, &given.first, &given.step, &given.tat, &tatAbove, &quota, &at,
				&h.Revision, &h.Since, &h.Until, &h.Asked, &h.Down, &h.Strikes, &h.Reason)
		return at, err
	})
	if err != nil {
		return reservation{}, err
	}
	b.adopt(h)
	given.tatAbove = tatAbove.Time
	given.limit, err = ParseLimit(quota)
	return given, err
}

// known is nothing for an instant that is not known.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

const strikeSQL = `
SELECT news, at,
       (mine).revision, (mine).paused_since, (mine).paused_until, (mine).asked, (mine).down, (mine).strikes, (mine).reason
FROM budget_strike($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`

// strike tells the database of an answer that asks for a pause.
func (b *Budget) strike(ctx context.Context, class string, w blow, jitter float64) (h halt, news bool, err error) {
	var wait *time.Duration
	if w.wait > 0 {
		whole := wholeMicroseconds(w.wait)
		wait = &whole
	}
	err = b.exchange(ctx, func(ctx context.Context, conn *pgx.Conn) (at time.Time, err error) {
		err = conn.QueryRow(ctx, strikeSQL, b.tenant, b.app, class, w.tenant, w.slot, known(w.at), wait, jitter, w.down, w.tooMany, w.reason).
			Scan(&news, &at, &h.Revision, &h.Since, &h.Until, &h.Asked, &h.Down, &h.Strikes, &h.Reason)
		return at, err
	})
	return h, news, err
}

// gotThrough tells the database that something got through.
func (b *Budget) gotThrough(ctx context.Context, slot time.Time) error {
	_, err := b.pool.Exec(ctx, `SELECT FROM budget_got_through($1, $2, $3)`, b.tenant, b.app, slot)
	return err
}

// ease tells the database how much of the limit is used up.
func (b *Budget) ease(ctx context.Context, class string, used float64) error {
	_, err := b.pool.Exec(ctx, `SELECT budget_ease($1, $2, $3, $4)`, b.tenant, b.app, class, used)
	return err
}

const lookSQL = `
SELECT clock_timestamp(), revision, paused_since, paused_until, asked, down, strikes, reason
FROM budget WHERE tenant = $1 AND app = $2 AND class = 'write'`

// look reads the pause.
func (b *Budget) look(ctx context.Context) error {
	var h halt
	err := b.exchange(ctx, func(ctx context.Context, conn *pgx.Conn) (at time.Time, err error) {
		err = conn.QueryRow(ctx, lookSQL, b.tenant, b.app).
			Scan(&at, &h.Revision, &h.Since, &h.Until, &h.Asked, &h.Down, &h.Strikes, &h.Reason)
		return at, err
	})
	if err == nil {
		b.adopt(h)
	}
	return err
}

// open makes the rows that are not there.
func (b *Budget) open(ctx context.Context) error {
	var batch pgx.Batch
	const row = `SELECT budget_open($1, $2, $3, $4, $5)`
	for _, l := range []*Lane{b.Writes, b.Reads} {
		if l.aboveAll != (Limit{}) {
			batch.Queue(row, b.tenant, "", l.class, l.aboveAll.String(), wholeMicroseconds(l.aboveAll.stepAbove()))
		}
		batch.Queue(row, b.tenant, b.app, l.class, l.limit.String(), wholeMicroseconds(l.limit.Interval()))
	}
	return b.pool.SendBatch(ctx, &batch).Close()
}

// patient is how long one statement may take.
const patient = 5 * time.Second

// exchange runs one statement that reads the database's clock, and learns from how long it takes.
func (b *Budget) exchange(ctx context.Context, statement func(context.Context, *pgx.Conn) (time.Time, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patient)
	defer cancel()
	conn, err := b.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	begun := b.now() // not before there is a connection: that is no part of the way
	at, err := statement(ctx, conn.Conn())
	if err == nil {
		b.clock.observe(begun, b.now(), at)
	}
	return err
}

// told is what NOTIFY carries.
type told struct {
	Tenant uuid.UUID `json:"tenant"`
	App    string    `json:"app"`
	halt
}
