package entra

import (
	"crypto/rand"
	"time"
)

// device is a device code given out. Approved, it is good for one token.
type device struct {
	scope              scope
	expires            time.Time
	polls              int
	approved, declined bool
}

// A device code is good for as long as Entra's, and its client is told to ask as
// often.
const (
	codeLifetime = 15 * time.Minute
	pollSeconds  = 5
)

type deviceAnswer struct {
	UserCode     string `json:"user_code"`
	DeviceCode   string `json:"device_code"`
	Verification string `json:"verification_uri"`
	ExpiresIn    int    `json:"expires_in"`
	Interval     int    `json:"interval"`
	Message      string `json:"message"`
}

// deviceCode answers the device code endpoint.
func (x *exchange) deviceCode() (any, error) {
	x.logged.Grant = "devicecode"
	if err := x.enter(); err != nil {
		return nil, err
	}
	asked, ok := parseScope(x.logged.Scope)
	if !ok {
		return nil, badScope.about(x.logged.Scope)
	}
	if !knows(x.host, asked.audience) {
		return nil, unknownResource.about(asked.audience)
	}
	code, forUser := rand.Text(), rand.Text()[:9]
	x.service.state.forgetCodes(x.at)
	x.service.state.devices[code] = &device{scope: asked, expires: x.at.Add(codeLifetime)}
	const page = "https://microsoft.com/devicelogin"
	return deviceAnswer{
		UserCode: forUser, DeviceCode: code, Verification: page, ExpiresIn: int(codeLifetime / time.Second), Interval: pollSeconds,
		Message: "To sign in, use a web browser to open the page " + page + " and enter the code " + forUser + " to authenticate.",
	}, nil
}

// forgetCodes keeps codes a while after their end, for whoever still asks.
func (s *state) forgetCodes(now time.Time) {
	for code, d := range s.devices {
		if now.Sub(d.expires) > codeLifetime {
			delete(s.devices, code)
		}
	}
}

// forDevice is one poll.
func (x *exchange) forDevice() (any, error) {
	code := x.form.Get("device_code")
	d, ok := x.service.state.devices[code]
	if !ok {
		return nil, unknownCode
	}
	d.poll(x.service.state.approval)
	switch {
	case !x.at.Before(d.expires):
		return nil, expiredCode
	case d.declined:
		return nil, declined
	case !d.approved:
		return nil, pending
	}
	delete(x.service.state.devices, code)
	return x.forUser(d.scope)
}

// poll lets the user decide while the client asks for the second time, so that
// every client has had to wait once.
func (d *device) poll(approval string) {
	d.polls++
	if d.polls < 2 {
		return
	}
	d.approved = d.approved || approval == approveAuto
	d.declined = d.declined || approval == approveDecline
}
