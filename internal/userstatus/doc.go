// Package userstatus is the domain: what a deviceConfigurationUserStatus is, which values it may take, where it
// lives in Microsoft Graph, and what an update asks of it.
//
// It is pure: no network, no database, no clock. Every rule about a single value stands here and nowhere else, so
// that a CSV file, a database query and a replay are judged alike.
package userstatus
