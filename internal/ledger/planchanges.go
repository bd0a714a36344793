package ledger

import "slices"

// Changes are what a part of a plan would change, by property.
type Changes []PropertyChange

// PropertyChange is what would be changed of one property.
type PropertyChange struct {
	Property string    `json:"property"`
	Rows     int       `json:"rows"`
	Examples []Example `json:"examples"` // different ones, the first that were met
}

// Example is one change: of the rows that change the property, so many change it in just this way.
type Example struct {
	Before string `json:"before"` // as a person reads it: "unknown", null, or not shown
	Wanted string `json:"wanted"`
	Rows   int    `json:"rows"`
	Row    int32  `json:"row"` // the first of them that was met
}

// mostExamples are kept of each property: they are written again with each page.
const mostExamples = 5

// Add counts a row that changes a property.
func (c *Changes) Add(property, before, wanted string, row int32) {
	i := slices.IndexFunc(*c, func(p PropertyChange) bool { return p.Property == property })
	if i < 0 {
		i = len(*c)
		*c = append(*c, PropertyChange{Property: property})
	}
	p := &(*c)[i]
	p.Rows++
	j := slices.IndexFunc(p.Examples, func(e Example) bool { return e.Before == before && e.Wanted == wanted })
	switch {
	case j >= 0:
		p.Examples[j].Rows++
	case len(p.Examples) < mostExamples:
		p.Examples = append(p.Examples, Example{Before: before, Wanted: wanted, Rows: 1, Row: row})
	}
}
