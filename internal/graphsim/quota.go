package graphsim

import (
	"net/http"
	"strconv"
)

// tenantScope is in the form that Microsoft documents for other workloads:
// scope, limit, app, tenant. Nothing is known of the last two here.
const tenantScope = "Tenant/Write/00000000-0000-0000-0000-000000000000/00000000-0000-0000-0000-000000000000"

// refusal is the problem of a request that was not admitted.
func (d decision) refusal() problem {
	p := tooManyRequests()
	p.headers = map[string]string{"Retry-After": strconv.Itoa(d.retryAfter)}
	if d.byTenant {
		p.headers["X-Ms-Throttle-Scope"] = tenantScope
	}
	return p
}

// nearlyUsed is the share of a limit from which on Microsoft documents a warning.
const nearlyUsed = 0.8

// headers tell what Microsoft documents for other workloads.
func (q quota) headers() http.Header {
	h := http.Header{
		"Ratelimit-Limit":     {strconv.Itoa(q.limit)},
		"Ratelimit-Remaining": {strconv.Itoa(max(0, q.limit-q.used))},
		"Ratelimit-Reset":     {strconv.Itoa(int((q.empty + 1e9 - 1) / 1e9))},
	}
	if share := float64(q.used) / float64(q.limit); share >= nearlyUsed {
		h.Set("X-Ms-Throttle-Limit-Percentage", strconv.FormatFloat(share, 'f', 2, 64))
	}
	return h
}
