package entra

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Change is what may be different from now on. What is left out stays.
type Change struct {
	Faults    *[]string `json:"faults"`    // in place of all before, as ParseFault reads them
	Secret    *string   `json:"secret"`    // in place of the one before
	Roles     *[]string `json:"roles"`     // of tokens given out from now on
	Approve   *bool     `json:"approve"`   // every device code that waits: approved, or declined
	Revoke    string    `json:"revoke"`    // "all": access and refresh tokens given out until now
	Challenge *bool     `json:"challenge"` // only tokens with the claims of a new challenge are accepted; false ends it
}

// Apply makes the change, or nothing of it if something is wrong with it.
func (s *Service) Apply(c Change) error {
	faults, err := c.check()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.apply(c, faults, s.now())
	return nil
}

func (c Change) check() (faults []Fault, err error) {
	var errs []error
	if c.Faults != nil {
		for _, text := range *c.Faults {
			fault, err := ParseFault(text)
			faults, errs = append(faults, fault), append(errs, err)
		}
	}
	if c.Secret != nil && *c.Secret == "" {
		errs = append(errs, errors.New("secret: must not be empty"))
	}
	if c.Roles != nil {
		errs = append(errs, checkRoles(*c.Roles))
	}
	if c.Revoke != "" && c.Revoke != "all" {
		errs = append(errs, fmt.Errorf(`revoke %q: there is only "all"`, c.Revoke))
	}
	return faults, errors.Join(errs...)
}

func (s *state) apply(c Change, faults []Fault, now time.Time) {
	if c.Faults != nil {
		s.faults = arm(faults)
	}
	if c.Secret != nil {
		s.secret = *c.Secret
	}
	if c.Roles != nil {
		s.roles = rolesOf(*c.Roles)
	}
	if c.Approve != nil {
		s.decide(*c.Approve)
	}
	if c.Revoke != "" {
		s.revoked = s.lastIssued
	}
	if c.Challenge != nil {
		s.challenge = s.nextChallenge(*c.Challenge, now)
	}
}

func (s *state) decide(approve bool) {
	for _, d := range s.devices {
		d.approved, d.declined = approve, !approve
	}
}

// nextChallenge has a value of its own, also within one second.
func (s *state) nextChallenge(on bool, now time.Time) challenge {
	if !on {
		return challenge{}
	}
	last, _ := strconv.ParseInt(s.challenge.nonce, 10, 64)
	return challenge{nonce: strconv.FormatInt(max(now.Unix(), last+1), 10), since: s.lastIssued}
}
