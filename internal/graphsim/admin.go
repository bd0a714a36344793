package graphsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// adminRoutes are the simulator's own; they need no token, are not throttled
// and do not appear in the log.
func (s *Server) adminRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_sim/healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /_sim/stats", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, s.Stats())
	})
	mux.HandleFunc("GET /_sim/statuses", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, s.world.Load().store.statuses(r.URL.Query().Get("configuration")))
	})
	mux.HandleFunc("POST /_sim/reset", func(w http.ResponseWriter, _ *http.Request) {
		s.Reset()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc(elsewherePath, func(w http.ResponseWriter, r *http.Request) {
		s.world.Load().tally.wentElsewhere(r.Header.Get("Authorization") != "")
		writeJSON(w, collectionPage{Value: []string{}})
	})
	mux.HandleFunc("POST /_sim/faults", s.replaceFaults)
	mux.HandleFunc("GET /_sim/requests", s.writeRequests)
	mux.HandleFunc("POST /_sim/statuses", s.seed)
	s.loginAdminRoutes(mux)
	return mux
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // a client that left needs no answer
}

// writeRequests streams the log as JSON lines, copying a little at a time so
// that it never holds up the requests it tells about.
func (s *Server) writeRequests(w http.ResponseWriter, r *http.Request) {
	since, err1 := queryNumber(r, "since", 0)
	limit, err2 := queryNumber(r, "limit", math.MaxInt)
	if err := errors.Join(err1, err2); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines := json.NewEncoder(w)
	log := s.world.Load().log
	for limit > 0 {
		chunk := log.after(uint64(since), min(limit, segmentEntries))
		for i := range chunk {
			if lines.Encode(&chunk[i]) != nil {
				return
			}
		}
		if len(chunk) == 0 {
			return
		}
		since, limit = int(chunk[len(chunk)-1].Seq), limit-len(chunk)
	}
}

func queryNumber(r *http.Request, name string, otherwise int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s %q: must be a whole number, not negative", name, text)
	}
	return n, nil
}

// maxFaults is the largest body that replaces faults.
const maxFaults = 1 << 20

// faultsBody is faults in the form of the command line, and rules in the form
// of a script, of which JSON is one.
type faultsBody struct {
	Faults []string        `json:"faults"`
	Script json.RawMessage `json:"script"`
}

// replaceFaults puts others in the place of the faults and the script, or, if
// one is faulty, changes nothing. What is left out is none.
func (s *Server) replaceFaults(w http.ResponseWriter, r *http.Request) {
	var body faultsBody
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxFaults))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		http.Error(w, `want {"faults":[…],"script":[…]}: `+err.Error(), http.StatusBadRequest)
		return
	}
	faults, faultErr := ParseFaults(body.Faults)
	script, scriptErr := ParseScript(compact(body.Script))
	if err := errors.Join(faultErr, scriptErr, checkFaults(faults)); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.world.Load().mischief.Store(newMischief(faults, script, s.config.Seed))
	w.WriteHeader(http.StatusNoContent)
}

// compact takes away the tabs, which JSON may be indented with and YAML may not.
func compact(text json.RawMessage) []byte {
	var small bytes.Buffer
	_ = json.Compact(&small, text) // no text at all is nothing here either
	return small.Bytes()
}

// maxSeed is the largest body that seeds statuses: about half a million.
const maxSeed = 256 << 20

// seed places the statuses of a JSON array, all of them or, if one is faulty,
// none. Properties left out have their defaults.
func (s *Server) seed(w http.ResponseWriter, r *http.Request) {
	var seeds []seedStatus
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxSeed))
	d.DisallowUnknownFields()
	if err := d.Decode(&seeds); err != nil {
		http.Error(w, "want a JSON array of statuses: "+err.Error(), http.StatusBadRequest)
		return
	}
	var errs []error
	for i := range seeds {
		if err := seeds[i].parse(); err != nil {
			errs = append(errs, fmt.Errorf("status %d: %w", i+1, err))
		}
	}
	if len(errs) > 0 {
		http.Error(w, errors.Join(errs...).Error(), http.StatusBadRequest)
		return
	}
	s.world.Load().place(seeds, s.now())
	writeJSON(w, map[string]int{"seeded": len(seeds)})
}

func (w *world) place(seeds []seedStatus, now time.Time) {
	for i := range seeds {
		w.store.put(seeds[i].key(), seeds[i].ID, seeds[i].properties, now)
	}
}
