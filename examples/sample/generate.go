package main

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/userstatus"
)

var header = []string{
	"deviceConfigurationId", "userStatusId", "route", "certificateId", "userDisplayName", "devicesCount", "status",
	"lastReportedDateTime", "userPrincipalName", "department", "ticket",
}

// configurations is how many there are: a few dozen, as in a tenant.
const configurations = 36

// generator makes up one row after another.
type generator struct {
	random         *rand.PCG
	configurations []string
	routes         []userstatus.Route
	statuses       []userstatus.ComplianceStatus
}

// generate writes a header and that many rows. It keeps none of them.
func generate(w io.Writer, rows int, seed uint64) error {
	g := &generator{random: rand.NewPCG(seed, 0), routes: userstatus.Routes(), statuses: userstatus.ComplianceStatuses()}
	for range configurations {
		g.configurations = append(g.configurations, g.guid())
	}
	buffered := bufio.NewWriterSize(w, 1<<16)
	out := csv.NewWriter(buffered)
	if err := out.Write(header); err != nil {
		return err
	}
	for i := range rows {
		if err := out.Write(g.row(i)); err != nil {
			return err
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return err
	}
	return buffered.Flush()
}

func (g *generator) row(i int) []string {
	r, spelled := g.route(i)
	certificate := ""
	if r.CertificateID {
		certificate = g.guid()
	}
	display, principal := g.person(i)
	return []string{
		pick(g, g.configurations), g.guid(), spelled, certificate, display, strconv.Itoa(1 + g.below(4)), g.status(i),
		g.reported(), principal, pick(g, departments), fmt.Sprintf("INC-%06d", i+1),
	}
}

// route makes every fourth row one of the nine that hang below a configuration, all in turn, so that forty rows
// have them all; the others are plain, and mostly do not say so.
func (g *generator) route(i int) (r userstatus.Route, spelled string) {
	if i%4 != 3 {
		return g.routes[0], pick(g, []string{"", "", userstatus.Plain})
	}
	r = g.routes[1+i/4%(len(g.routes)-1)]
	return r, pick(g, []string{r.Name, r.String()})
}

// status goes through all eight; in between most people are compliant.
func (g *generator) status(i int) string {
	if i%5 == 0 {
		return string(g.statuses[i/5%len(g.statuses)])
	}
	return string(pick(g, []userstatus.ComplianceStatus{userstatus.Compliant, userstatus.Compliant, userstatus.NonCompliant}))
}

func (g *generator) person(i int) (display, principal string) {
	p := pick(g, people)
	local := fmt.Sprintf("%s.%d", p.local, i+1)
	return strings.ReplaceAll(p.display, "#", strconv.Itoa(i+1)), local + "@" + pick(g, domains)
}

// reported is an instant of the weeks before 23 November 2026, with the seven digits that Graph keeps.
func (g *generator) reported() string {
	zone := pick(g, zones)
	at := time.Date(2026, time.November, 23, 8, 15, 0, 0, time.UTC).Add(-time.Duration(g.below(60*24*3600)) * time.Second)
	return fmt.Sprintf("%s.%07d%s", at.Format("2006-01-02T15:04:05"), g.below(10_000_000), zone)
}

func (g *generator) guid() string {
	var b [16]byte
	for i := range b {
		b[i] = byte(g.below(256))
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return uuid.UUID(b).String()
}

// below returns a number from 0 to n-1. It is made of the generator's own output alone, because the file must stay
// the same with every release of Go.
func (g *generator) below(n int) int { return int(g.random.Uint64() % uint64(n)) }

func pick[T any](g *generator, of []T) T { return of[g.below(len(of))] }
