package graphsim

import (
	"strings"
	"sync"
	"time"
)

// store holds every status. Locks are held for a look-up and a copy, never for
// JSON.
type store struct {
	mu          sync.RWMutex
	collections map[collectionKey]*collection
	order       []collectionKey // by first insertion, so that dumps are stable
	total       int

	configurations  []string // by first insertion
	isConfiguration map[string]bool
}

// collection keeps its statuses in the order of insertion. None is ever taken
// out, so a position is a valid page token for ever.
type collection struct {
	items   []item
	index   map[string]int
	changed time.Time
}

type item struct {
	id         string
	properties Properties
}

func newStore() *store {
	return &store{collections: map[collectionKey]*collection{}, isConfiguration: map[string]bool{}}
}

// updateRules say what a patch may do.
type updateRules struct {
	create     bool // a status that is not there comes to be
	mustChange bool // a patch that would change nothing is a problem
	forget     bool // nothing is stored, whatever is answered
}

// update applies a patch and returns what the status is now. An error is a
// problem, and nothing has changed.
func (s *store) update(key collectionKey, id string, p *patch, rules updateRules, now time.Time) (after Properties, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	it := s.find(key, id)
	if it == nil && !rules.create {
		return Properties{}, notFound()
	}
	after = newProperties()
	if it != nil {
		after = it.properties
	}
	p.apply(&after)
	if it != nil && rules.mustChange && sameValues(it.properties, after) {
		return Properties{}, nothingChanged()
	}
	if rules.forget {
		return after, nil
	}
	if it == nil {
		it = s.insert(key, id)
	}
	it.properties = after
	s.collections[key].changed = now
	return after, nil
}

// put places a status, replacing the one that may be there.
func (s *store) put(key collectionKey, id string, properties Properties, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	it := s.find(key, id)
	if it == nil {
		it = s.insert(key, id)
	}
	it.properties = properties
	s.collections[key].changed = now
}

func (s *store) find(key collectionKey, id string) *item {
	c := s.collections[key]
	if c == nil {
		return nil
	}
	i, ok := c.index[id]
	if !ok {
		return nil
	}
	return &c.items[i]
}

// insert clones its strings, which otherwise keep whole request lines alive.
func (s *store) insert(key collectionKey, id string) *item {
	c := s.collections[key]
	if c == nil {
		key = collectionKey{strings.Clone(key.configuration), strings.Clone(key.navigation), strings.Clone(key.certificateID)}
		c = &collection{index: map[string]int{}}
		s.collections[key] = c
		s.order = append(s.order, key)
		s.noteConfiguration(key.configuration)
	}
	id = strings.Clone(id)
	c.index[id] = len(c.items)
	c.items = append(c.items, item{id: id, properties: newProperties()})
	s.total++
	return &c.items[len(c.items)-1]
}

func (s *store) noteConfiguration(id string) {
	if s.isConfiguration[id] {
		return
	}
	s.isConfiguration[id] = true
	s.configurations = append(s.configurations, id)
}

func (s *store) get(key collectionKey, id string) (Properties, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	it := s.find(key, id)
	if it == nil {
		return Properties{}, false
	}
	return it.properties, true
}

// page copies at most size items from a position on; more says whether any
// follow.
func (s *store) page(key collectionKey, from, size int) (items []item, more bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c := s.collections[key]
	if c == nil || from >= len(c.items) {
		return nil, false
	}
	end := min(from+size, len(c.items))
	return append(items, c.items[from:end]...), end < len(c.items)
}

// configurationPage is page for the ids of the configurations that have statuses.
func (s *store) configurationPage(from, size int) (ids []string, more bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if from >= len(s.configurations) {
		return nil, false
	}
	end := min(from+size, len(s.configurations))
	return append(ids, s.configurations[from:end]...), end < len(s.configurations)
}

// tally counts a collection's statuses by their value.
func (s *store) tally(key collectionKey) (byStatus map[string]int, changed time.Time) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	byStatus = map[string]int{}
	c := s.collections[key]
	if c == nil {
		return byStatus, time.Time{}
	}
	for i := range c.items {
		byStatus[c.items[i].properties.Status]++
	}
	return byStatus, c.changed
}

// statuses copies those of one configuration, or all of them for "".
func (s *store) statuses(configuration string) []Status {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := []Status{}
	for _, key := range s.order {
		if configuration != "" && key.configuration != configuration {
			continue
		}
		for _, it := range s.collections[key].items {
			all = append(all, Status{key.configuration, key.navigation, key.certificateID, it.id, it.properties})
		}
	}
	return all
}

func (s *store) size() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.total
}
