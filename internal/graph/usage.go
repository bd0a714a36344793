package graph

import (
	"strconv"
	"strings"
)

// Usage is how much of the limit is used, as far as the answer says: 0.8 is 80 %, 1 and more is all of it. Microsoft
// documents the headers for other workloads only, so they are a hint and nothing depends on them. Of several the largest
// counts.
func (x Exchange) Usage() (used float64, ok bool) {
	for _, v := range x.Header.Values("X-Ms-Throttle-Limit-Percentage") {
		if f, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(v), "%"), 64); err == nil && f >= 0 && f <= maxPercentage {
			if f >= wholePercent {
				f /= 100
			}
			used, ok = max(used, f), true
		}
	}
	limit, limited := number(x.Header.Get("RateLimit-Limit"))
	left, known := number(x.Header.Get("RateLimit-Remaining"))
	if !limited || !known {
		limit, limited = rateLimitMember(x.Header.Get("RateLimit"), "limit")
		left, known = rateLimitMember(x.Header.Get("RateLimit"), "remaining")
	}
	if limited && known && limit > 0 {
		used, ok = max(used, 1-left/limit), true
	}
	return max(used, 0), ok
}

// ThrottlesTenant reports whether the answer says that the limit of all apps of the tenant was met, not that of this one.
// The scope comes before a slash, as in Tenant/Write/…; Tenant_Application is this app in this tenant.
func (x Exchange) ThrottlesTenant() bool {
	scope, _, _ := strings.Cut(x.Header.Get("X-Ms-Throttle-Scope"), "/")
	return strings.EqualFold(strings.TrimSpace(scope), "Tenant")
}

const (
	// wholePercent tells a fraction (documented, 0.8 to 1.8) from percent: nobody is at five times a limit.
	wholePercent  = 5
	maxPercentage = 1000
)

func number(s string) (float64, bool) {
	// The limit may come with its policy: 100, 100;w=20.
	s, _, _ = strings.Cut(s, ",")
	s, _, _ = strings.Cut(s, ";")
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 32)
	return float64(n), err == nil
}

// rateLimitMember reads one of "limit=100, remaining=50, reset=5".
func rateLimitMember(header, name string) (float64, bool) {
	for member := range strings.SplitSeq(header, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(member), "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return number(value)
		}
	}
	return 0, false
}
