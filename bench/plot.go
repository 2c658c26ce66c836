package main

import (
	"fmt"
	"math"
	"strings"
)

// A plot is an SVG with lines.
type plot struct {
	title, x, y string
	log         bool // logarithmic axes
	series      []series
}

type series struct {
	name   string
	dashed bool
	points [][2]float64
}

const (
	plotWidth, plotHeight = 720, 400
	left, right, top, low = 70, 200, 40, 50
)

var colors = []string{"#0b6e99", "#b8560f", "#3b7d23", "#7a3e9d", "#8a6d00", "#555555"}

func (p plot) svg() string {
	minX, maxX, minY, maxY := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, s := range p.series {
		for _, at := range s.points {
			minX, maxX, minY, maxY = min(minX, at[0]), max(maxX, at[0]), min(minY, at[1]), max(maxY, at[1])
		}
	}
	if math.IsInf(minX, 0) {
		return `<svg xmlns="http://www.w3.org/2000/svg"/>`
	}
	scale := func(v float64) float64 { return v }
	if p.log {
		scale = func(v float64) float64 { return math.Log10(max(v, 1e-3)) }
		minY, maxY = math.Pow(10, math.Floor(scale(minY))), math.Pow(10, math.Ceil(scale(maxY)))
	} else {
		step := math.Pow(10, math.Floor(math.Log10(maxY)))
		minY, maxY = 0, math.Ceil(maxY/step)*step
	}
	x := func(v float64) float64 {
		return left + (scale(v)-scale(minX))/max(scale(maxX)-scale(minX), 1e-9)*(plotWidth-left-right)
	}
	y := func(v float64) float64 {
		return plotHeight - low - (scale(v)-scale(minY))/max(scale(maxY)-scale(minY), 1e-9)*(plotHeight-top-low)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/><text x="%d" y="22" font-size="15">%s</text>`+"\n", left, p.title)
	for _, v := range p.ticks(minY, maxY) {
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%.4g</text>`+"\n", left, y(v), plotWidth-right, left-6, y(v)+4, v)
	}
	seen := map[float64]bool{}
	for _, s := range p.series {
		for _, at := range s.points {
			if !seen[at[0]] {
				seen[at[0]] = true
				fmt.Fprintf(&b, `<path d="M%.1f %dv5" stroke="#333"/><text x="%.1f" y="%d" text-anchor="middle">%g</text>`+"\n", x(at[0]), plotHeight-low, x(at[0]), plotHeight-low+18, at[0])
			}
		}
	}
	fmt.Fprintf(&b, `<path d="M%d %dV%dH%d" fill="none" stroke="#333"/>`+"\n", left, top, plotHeight-low, plotWidth-right)
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%s</text><text x="16" y="%d" transform="rotate(-90 16 %d)" text-anchor="middle">%s</text>`+"\n",
		(left+plotWidth-right)/2, plotHeight-10, p.x, plotHeight/2, plotHeight/2, p.y)
	for i, s := range p.series {
		color, dash, d := colors[i%len(colors)], "", ""
		if s.dashed {
			dash = ` stroke-dasharray="6 4"`
		}
		for j, at := range s.points {
			d += fmt.Sprintf("%c%.1f %.1f", "ML"[min(j, 1)], x(at[0]), y(at[1]))
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x(at[0]), y(at[1]), color)
		}
		at := top + 16 + 20*i
		fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="%s" stroke-width="2"%s/>`+"\n", d, color, dash)
		fmt.Fprintf(&b, `<path d="M%d %dh24" stroke="%s" stroke-width="2"%s/><text x="%d" y="%d">%s</text>`+"\n", plotWidth-right+12, at, color, dash, plotWidth-right+42, at+4, s.name)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// ticks returns the values with a label on the y axis.
func (p plot) ticks(from, to float64) (at []float64) {
	if p.log {
		for v := from; v <= to*1.001; v *= 10 {
			at = append(at, v)
		}
		return at
	}
	for i := range 6 {
		at = append(at, from+(to-from)*float64(i)/5)
	}
	return at
}
