// Package graphsim is a Microsoft Graph on loopback: the userStatuses part of
// deviceManagement/deviceConfigurations, with its throttling, its errors and,
// on demand, its failures.
//
// It owns the rules by which a request is accepted, all written from the
// documentation of the API, the state those requests leave behind, and a log
// of every exchange. Whoever tests a client asks that log what really arrived.
//
// It never shares code with a client, because a client and a pretender that
// agree by construction are wrong together. It never reaches out to the
// network, never writes a file and never stores a token.
package graphsim
