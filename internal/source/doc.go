// Package source turns what people have, a CSV file so far, into checked rows.
//
// It owns how a source is read: its encoding, its delimiter, which column means what, and where in it a fault
// stands. Whether a single value can be sent is for package userstatus to say. A source is read twice: first every
// row is checked and a fingerprint taken, then the rows are handed out, and both readings must have met the same
// bytes. Neither pass keeps the rows, so that ten million need no more memory than ten.
//
// It never writes to a database, never talks to Graph, never logs and never prints on its own. The only thing it
// leaves on a disk, and only for as long as a check lasts, is a private temporary file of target keys.
package source
