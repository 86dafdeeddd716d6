package nexmark

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
)

// Measures of the chart, in pixels.
const (
	chartWidth  = 900
	plotLeft    = 60
	plotRight   = 800 // values are written beyond it
	plotTop     = 70
	barHeight   = 11
	queryHeight = 30
	axisHeight  = 40
)

// Colors that are told apart in print, too.
const (
	ourColor  = "#1f6feb"
	peerColor = "#b0b8c1"
	gridColor = "#d8dee4"
	textColor = "#1f2328"
)

// element is one of an SVG image.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []element
}

// shape returns an element with attributes, given by name and value.
func shape(name, text string, attrs ...any) element {
	e := element{XMLName: xml.Name{Local: name}, Text: text}
	for i := 0; i+1 < len(attrs); i += 2 {
		e.Attrs = append(e.Attrs, xml.Attr{Name: xml.Name{Local: fmt.Sprint(attrs[i])}, Value: fmt.Sprint(attrs[i+1])})
	}
	return e
}

// Chart writes an SVG image: for each query a bar of events per second of processor time, and one of the peer beside
// it, by a logarithmic scale.
func (r Report) Chart(w io.Writer) error {
	height := plotTop + queryHeight*len(r.Rows) + axisHeight
	svg := shape("svg", "", "xmlns", "http://www.w3.org/2000/svg", "width", chartWidth, "height", height,
		"viewBox", fmt.Sprintf("0 0 %d %d", chartWidth, height), "font-family", "sans-serif", "font-size", 12)
	svg.Children = append(svg.Children, shape("title", "Nexmark: events per second of processor time"),
		shape("rect", "", "width", "100%", "height", "100%", "fill", "white"))
	s := r.scale()
	svg.Children = append(svg.Children, r.heading()...)
	svg.Children = append(svg.Children, s.grid(plotTop+queryHeight*len(r.Rows))...)
	for i, row := range r.Rows {
		svg.Children = append(svg.Children, s.bars(row, plotTop+queryHeight*i)...)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", " ")
	return e.Encode(svg)
}

// heading says what the bars are.
func (r Report) heading() []element {
	all := []element{
		label(plotLeft, 22, "start", "Nexmark, events per second of processor time (logarithmic)", "font-size", 15),
		shape("rect", "", "x", plotLeft, "y", 36, "width", 12, "height", 12, "fill", ourColor),
		label(plotLeft+18, 46, "start", "Aquifer"),
	}
	if r.MeanPeerRatio > 0 {
		all = append(all, shape("rect", "", "x", 150, "y", 36, "width", 12, "height", 12, "fill", peerColor),
			label(168, 46, "start", fmt.Sprintf("peer (geometric mean of the ratios: %.3g)", r.MeanPeerRatio)))
	}
	return all
}

func label(x, y float64, anchor, text string, attrs ...any) element {
	return shape("text", text, append([]any{"x", x, "y", y, "text-anchor", anchor, "fill", textColor}, attrs...)...)
}

// scale places numbers between two powers of ten.
type scale struct{ low, high float64 } // exponents

// scale is that of all bars.
func (r Report) scale() scale {
	low, high := math.Inf(1), math.Inf(-1)
	see := func(x float64) {
		if x > 0 {
			low, high = min(low, math.Log10(x)), max(high, math.Log10(x))
		}
	}
	for _, row := range r.Rows {
		see(row.EventsPerCPUS)
		if row.Peer != nil {
			see(row.Peer.EventsPerCPUS)
		}
	}
	if low > high {
		return scale{0, 1}
	}
	s := scale{math.Floor(low), math.Ceil(high)}
	if s.low == low { // a bar must be seen
		s.low--
	}
	return s
}

// at is the place of a number.
func (s scale) at(x float64) float64 {
	share := (math.Log10(x) - s.low) / (s.high - s.low)
	return math.Round(10*(plotLeft+share*(plotRight-plotLeft))) / 10
}

// grid are the lines behind the bars, and the numbers below them.
func (s scale) grid(bottom int) (all []element) {
	for e := s.low; e <= s.high; e++ {
		for _, step := range []float64{1, 2, 5} {
			x := step * math.Pow(10, e)
			if at := s.at(x); at <= plotRight {
				all = append(all, shape("line", "", "x1", at, "x2", at, "y1", plotTop-8, "y2", bottom, "stroke", gridColor),
					label(at, float64(bottom+18), "middle", amount(x)))
			}
		}
	}
	return all
}

// amount is a round number of events.
func amount(x float64) string {
	switch {
	case x < 1e3:
		return fmt.Sprintf("%.3g", x)
	case x < 1e6:
		return fmt.Sprintf("%.3g k", x/1e3)
	}
	return fmt.Sprintf("%.3g M", x/1e6)
}

// bars are those of a query, with its name in front and numbers behind.
func (s scale) bars(row Row, top int) []element {
	all := []element{label(plotLeft-8, float64(top+barHeight+4), "end", row.Query)}
	bar := func(x float64, y int, color string) {
		if x <= 0 {
			return
		}
		end := s.at(x)
		width := math.Round(10*(end-plotLeft)) / 10
		all = append(all,
			shape("rect", "", "x", plotLeft, "y", y, "width", width, "height", barHeight, "fill", color),
			label(end+5, float64(y+barHeight-1), "start", count(x), "font-size", 11))
	}
	if row.Peer == nil {
		bar(row.EventsPerCPUS, top+barHeight/2, ourColor)
		return all
	}
	bar(row.EventsPerCPUS, top, ourColor)
	bar(row.Peer.EventsPerCPUS, top+barHeight+1, peerColor)
	return all
}
