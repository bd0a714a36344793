package userstatus

// Stored are wanted values as the columns of a table hold them: what is asked for and nil is null.
type Stored struct {
	Asks                 Properties
	UserDisplayName      *string
	DevicesCount         *int32
	Status               *string
	LastReportedDateTime *string // as it was given
	UserPrincipalName    *string
}

// Wanted returns the values that were stored. The error is a *ValueError of a date that nobody checked.
func (s *Stored) Wanted() (w Wanted, err error) {
	w.UserDisplayName = stored(s.Asks, UserDisplayName, s.UserDisplayName)
	w.DevicesCount = stored(s.Asks, DevicesCount, s.DevicesCount)
	w.Status = stored(s.Asks, Status, (*ComplianceStatus)(s.Status))
	w.UserPrincipalName = stored(s.Asks, UserPrincipalName, s.UserPrincipalName)
	if s.LastReportedDateTime != nil {
		err = w.Set(LastReportedDateTime, *s.LastReportedDateTime)
	}
	return w, err
}

// stored is the Value that a column and its bit in asks stand for.
func stored[T any](asks, property Properties, v *T) Value[T] {
	switch {
	case asks&property == 0:
		return Value[T]{}
	case v == nil:
		return Null[T]()
	}
	return Of(*v)
}
