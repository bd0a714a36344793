package cli

import (
	"cmp"
	"fmt"
	"strings"

	"graphpatch/internal/budget"
)

// crowd are entries of one tenant, one for each of its apps.
type crowd []tenantApp

type tenantApp struct {
	Served
	app string // empty: not known yet
}

// admit says why an entry cannot join the others: each app is there once, and what they may write together is what the
// tenant may. Of different limits of the tenant the lowest holds, as it does in the budget.
func (c crowd) admit(s tenantApp) error {
	if len(c) == 0 {
		return nil
	}
	most, sum, same := s.TenantWrites, perSecond(s.WriteLimit), true
	var names []string
	for _, other := range c {
		name := cmp.Or(other.Name, other.at)
		if other.app != "" && strings.EqualFold(other.app, s.app) {
			return fmt.Errorf("its tenant and app are those of %s: leave one of the two out", name)
		}
		names = append(names, name)
		sum += perSecond(other.WriteLimit)
		same = same && other.WriteLimit.Window == s.WriteLimit.Window
		if perSecond(other.TenantWrites) < perSecond(most) {
			most = other.TenantWrites
		}
	}
	if sum <= perSecond(most)*(1+1e-9) {
		return nil
	}
	together := fmt.Sprintf("%.1f a second", sum)
	if same {
		together = budget.Limit{Requests: int(sum*s.WriteLimit.Window.Seconds() + 0.5), Window: s.WriteLimit.Window}.String()
	}
	return fmt.Errorf("its writes and those of %s come to %s, more than the %s of all apps of the tenant: lower writes or raise tenant",
		strings.Join(names, ", "), together, most)
}
