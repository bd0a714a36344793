package main

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"math"
	"time"

	"graphpatch/internal/budget"
)

// The drawing's measures, in pixels.
const (
	width, height = 960, 360
	left, right   = 60, 20
	top, bottom   = 50, 50
	inner         = width - left - right
	floor         = height - bottom
)

// chart maps seconds and requests per second to pixels.
type chart struct {
	*bufio.Writer
	seconds, most float64
}

func (c *chart) x(seconds float64) float64 { return left + inner*seconds/c.seconds }
func (c *chart) y(rate float64) float64    { return floor - (floor-top)*rate/c.most }

// draw writes an SVG.
func draw(w io.Writer, s *story, limit budget.Limit) error {
	perSecond := float64(limit.Requests) / limit.Window.Seconds()
	c := &chart{bufio.NewWriter(w), float64(len(s.perSecond)), 1.25 * perSecond}
	fmt.Fprintf(c, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">
<title>Updates per second over time, with the pauses after throttled answers</title>
<rect width="%d" height="%d" fill="#fff"/>
`, width, height, width, height)
	for _, p := range s.pauses {
		c.pause(p)
	}
	c.axes()
	c.rate(s.perSecond)
	y := c.y(perSecond)
	fmt.Fprintf(c, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#b45309" stroke-dasharray="6 4"/>`+"\n", left, y, width-right, y)
	fmt.Fprintf(c, `<text x="%d" y="%.1f" text-anchor="end" fill="#b45309">limit %s</text>`+"\n", width-right, y-6, limit)
	fmt.Fprintln(c, "</svg>")
	return c.Flush()
}

// pause is a band from the answer to the next request, with the answer at its left edge.
func (c *chart) pause(p pause) {
	from, to := c.x(p.from.Seconds()), c.x(p.to.Seconds())
	asked := "429 without Retry-After"
	if p.retryAfter != "" {
		asked = "429, Retry-After: " + html.EscapeString(p.retryAfter)
	}
	fmt.Fprintf(c, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="#fde2e2"/>`+"\n", from, top, to-from, floor-top)
	fmt.Fprintf(c, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#b91c1c" stroke-width="2"/>`+"\n", from, top, from, floor)
	fmt.Fprintf(c, `<text x="%.1f" y="%d" fill="#b91c1c">%s</text>`+"\n", from, top-24, asked)
	fmt.Fprintf(c, `<text x="%.1f" y="%d" fill="#b91c1c">silence of %s</text>`+"\n", from, top-8, (p.to - p.from).Round(10*time.Millisecond))
}

// axes are in round numbers.
func (c *chart) axes() {
	for rate := 0.0; rate <= c.most; rate += roundStep(c.most) {
		fmt.Fprintf(c, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#ddd"/>`+"\n", left, c.y(rate), width-right, c.y(rate))
		fmt.Fprintf(c, `<text x="%d" y="%.1f" text-anchor="end">%g</text>`+"\n", left-8, c.y(rate)+4, rate)
	}
	for second := 0.0; second <= c.seconds; second += roundStep(c.seconds) {
		fmt.Fprintf(c, `<text x="%.1f" y="%d" text-anchor="middle">%g s</text>`+"\n", c.x(second), floor+18, second)
	}
	fmt.Fprintf(c, `<text x="%d" y="%d">updates that Graph applied, per second</text>`+"\n", left, height-10)
}

// roundStep is 1, 2 or 5 times a power of ten, about an eighth of all.
func roundStep(all float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(all/8)))
	for _, times := range []float64{1, 2, 5} {
		if times*power >= all/8 {
			return times * power
		}
	}
	return 10 * power
}

// rate is a line of steps. The last second is cut off somewhere, so it is left out.
func (c *chart) rate(perSecond []int) {
	fmt.Fprint(c, `<path fill="none" stroke="#1d4ed8" stroke-width="1.5" d="M`)
	for second, n := range perSecond[:len(perSecond)-1] {
		y := c.y(float64(n))
		fmt.Fprintf(c, " %.1f,%.1f %.1f,%.1f", c.x(float64(second)), y, c.x(float64(second+1)), y)
	}
	fmt.Fprintln(c, `"/>`)
}
