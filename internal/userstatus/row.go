package userstatus

// Row is one line of a source, checked.
type Row struct {
	Number int32 // 1 for the first row of the source; a row that is left out leaves a gap
	Line   int64 // where the row begins in the source, 1-based; the header counts
	Update Update
	// Other are the cells that cannot be read back from Update, in the order of the source's columns: those of
	// columns nobody mapped, and the route as it was spelled. One element more is the whole record as it stood, when it is
	// not written in the style of its source.
	Other []string
	// Expects are values that the status must show before the update may be sent, as JSON; "": whatever it shows.
	Expects string
}
