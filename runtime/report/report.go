// Package report renders one self-contained HTML page: tables, text and plots
// as inline SVG, no script and nothing fetched. It knows pages and curves, not
// runs; runtime/trainer decides what is shown.
package report

import (
	"bytes"
	"fmt"
	"html/template"
	"image/color"
	"math"
	"regexp"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A Page is what Render prints, top to bottom.
type Page struct {
	Title    string
	Subtitle string
	Sections []Section
}

// A Section is a heading with any of: a sentence, plots side by side, a table,
// verbatim text.
type Section struct {
	Title string
	Text  string
	Plots []template.HTML // from Curves, Histogram, Calibration, Heat
	Head  []string        // header of the table
	Rows  [][]string
	Code  string
}

// A Series is a named curve or sample.
type Series struct {
	Name string
	X, Y []float64 // equally long; Histogram reads Y alone
}

// A Bin is one bin of a calibration plot.
type Bin struct {
	Predicted float64 // mean predicted probability, 0.5 to 1
	Observed  float64 // share of rows where it came true, 0 to 1
	Count     int     // rows
}

var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<style>
 body { font: 15px/1.5 system-ui, sans-serif; color: #1c2530; max-width: 64rem; margin: 2.5rem auto; padding: 0 1.25rem }
 h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2.2rem 0 .4rem; border-bottom: 1px solid #d9dee5; padding-bottom: .2rem }
 p.sub { color: #5b6776; margin: .2rem 0 0 }
 table { border-collapse: collapse; font-variant-numeric: tabular-nums } td, th { padding: .15rem 1.1rem .15rem 0; text-align: left; vertical-align: top }
 th { color: #5b6776; font-weight: 500 }
 .plots { display: flex; flex-wrap: wrap; gap: 1rem } .plots svg { max-width: 100%; height: auto }
 pre { background: #f5f7f9; padding: .8rem 1rem; overflow-x: auto; font-size: 13px; line-height: 1.45 }
</style></head><body>
<h1>{{.Title}}</h1><p class="sub">{{.Subtitle}}</p>
{{range .Sections}}<h2>{{.Title}}</h2>
{{with .Text}}<p>{{.}}</p>{{end}}
{{with .Plots}}<div class="plots">{{range .}}{{.}}{{end}}</div>{{end}}
{{if .Rows}}<table>{{with .Head}}<tr>{{range .}}<th>{{.}}</th>{{end}}</tr>{{end}}{{range .Rows}}<tr>{{range .}}<td>{{.}}</td>{{end}}</tr>{{end}}</table>{{end}}
{{with .Code}}<pre>{{.}}</pre>{{end}}
{{end}}</body></html>
`))

// Render returns the page as HTML.
func (p Page) Render() ([]byte, error) {
	var b bytes.Buffer
	if err := page.Execute(&b, p); err != nil {
		return nil, fmt.Errorf("rendering the report: %w", err)
	}
	return b.Bytes(), nil
}

// The colours of the first series and of the second: told apart by readers who
// do not see red and green (Okabe and Ito).
var palette = []color.Color{
	color.RGBA{0x00, 0x72, 0xb2, 0xff}, color.RGBA{0xd5, 0x5e, 0x00, 0xff}, color.RGBA{0x00, 0x9e, 0x73, 0xff},
}

// long is how many points make a curve long. One that is long and goes up and
// down is drawn pale, and over it the mean of what is around each point.
const long = 50

// Curves plots each series as a line over x.
func Curves(title, x, y string, series ...Series) (template.HTML, error) {
	p := blank(title, x, y)
	for i, s := range series {
		all := points(s)
		line, err := plotter.NewLine(all)
		if err != nil {
			continue // no finite point: an empty frame says so
		}
		line.Color, line.Width = palette[i%len(palette)], vg.Points(1.4)
		p.Add(line)
		if len(all) > long && turns(all) > len(all)/4 {
			line.Color, line.Width = faint(line.Color, 0x60), vg.Points(0.8)
			if line, err = plotter.NewLine(smooth(all, len(all)/long+3)); err != nil {
				return "", fmt.Errorf("curve %q: %w", title, err)
			}
			line.Color, line.Width = palette[i%len(palette)], vg.Points(1.6)
			p.Add(line)
		}
		if len(series) > 1 {
			p.Legend.Add(s.Name, line)
		}
	}
	roomForLegend(p, len(series) > 1)
	return svg(p, plotWidth, plotHeight)
}

// turns counts how often a curve goes from up to down or back.
func turns(all plotter.XYs) int {
	n := 0
	for i := 2; i < len(all); i++ {
		if (all[i].Y-all[i-1].Y)*(all[i-1].Y-all[i-2].Y) < 0 {
			n++
		}
	}
	return n
}

// smooth is the mean of each point and its neighbours, reach on either side.
func smooth(all plotter.XYs, reach int) plotter.XYs {
	out := make(plotter.XYs, len(all))
	for i, at := range all {
		near := all[max(0, i-reach):min(len(all), i+reach+1)]
		sum := 0.0
		for _, p := range near {
			sum += p.Y
		}
		out[i] = plotter.XY{X: at.X, Y: sum / float64(len(near))}
	}
	return out
}

func faint(c color.Color, alpha uint8) color.Color {
	r, g, b, _ := c.RGBA()
	return color.NRGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), alpha}
}

// roomForLegend leaves space above what is drawn.
func roomForLegend(p *plot.Plot, legend bool) {
	if legend && p.Y.Max > p.Y.Min {
		p.Y.Max += 0.18 * (p.Y.Max - p.Y.Min)
	}
}

// Histogram plots the distribution of each series' Y over at most so many
// common bins. y says what is counted.
func Histogram(title, x, y string, bins int, series ...Series) (template.HTML, error) {
	p := blank(title, x, y)
	var all []float64
	for _, s := range series {
		all = append(all, finite(s.Y)...)
	}
	from, width, n := spread(all, bins)
	for i, s := range series {
		h := &plotter.Histogram{Width: width, FillColor: faint(palette[i%len(palette)], 0x70)}
		for b := range n {
			h.Bins = append(h.Bins, plotter.HistogramBin{Min: from + float64(b)*width, Max: from + float64(b+1)*width})
		}
		for _, v := range finite(s.Y) {
			h.Bins[min(n-1, int((v-from)/width))].Weight++
		}
		if n > 0 {
			p.Add(h)
		}
		if len(series) > 1 {
			p.Legend.Add(s.Name, h)
		}
	}
	roomForLegend(p, len(series) > 1)
	return svg(p, plotWidth, plotHeight)
}

// spread divides values into bins of one width. Whole numbers are not cut: a bin
// has as many of them as any other.
func spread(values []float64, bins int) (from, width float64, n int) {
	if len(values) == 0 {
		return 0, 0, 0
	}
	low, high := slices.Min(values), slices.Max(values)
	whole := !slices.ContainsFunc(values, func(v float64) bool { return v != math.Trunc(v) })
	switch {
	case whole:
		width = math.Ceil((high - low + 1) / float64(bins))
		return low - 0.5, width, int(math.Ceil((high - low + 1) / width))
	case high == low:
		return low - 0.5, 1, 1
	}
	return low, (high - low) / float64(bins), bins
}

// Calibration plots how often a model is right against how sure it is, from 0.5
// on, with the diagonal on which a calibrated one lies.
func Calibration(title string, bins []Bin) (template.HTML, error) {
	p := blank(title, "probability given to the side with the higher score", "share in which it was chosen")
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0.5, 1, 0, 1
	diagonal := plotter.NewFunction(func(x float64) float64 { return x })
	diagonal.Color, diagonal.Dashes = color.Gray{0xa0}, []vg.Length{vg.Points(3), vg.Points(3)}
	p.Add(diagonal)
	var pts plotter.XYs
	for _, b := range bins {
		if b.Count > 0 {
			pts = append(pts, plotter.XY{X: b.Predicted, Y: b.Observed})
		}
	}
	if len(pts) > 0 {
		line, dots, err := plotter.NewLinePoints(pts)
		if err != nil {
			return "", fmt.Errorf("calibration: %w", err)
		}
		line.Color, dots.Color = palette[0], palette[0]
		p.Add(line, dots)
	}
	return svg(p, plotWidth, plotHeight)
}

func blank(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.X.Tick.Marker, p.Y.Tick.Marker = ticks{}, ticks{}
	p.Title.Padding = vg.Points(4)
	for _, style := range []*text.Style{
		&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle,
	} {
		style.Font.Variant, style.Font.Size = "Sans", vg.Points(8)
	}
	p.Title.TextStyle.Font.Size = vg.Points(10)
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{0xe6}, color.Gray{0xe6}
	p.Add(grid)
	p.Legend.Top = true
	return p
}

// ticks are plot's own, with the digits that their numbers have: 25, not 25.00.
type ticks struct{ plot.DefaultTicks }

func (t ticks) Ticks(low, high float64) []plot.Tick {
	all := t.DefaultTicks.Ticks(low, high)
	for i, tick := range all {
		if tick.Label != "" {
			all[i].Label = strconv.FormatFloat(math.Round(tick.Value*1e9)/1e9, 'g', 6, 64)
		}
	}
	return all
}

func points(s Series) plotter.XYs {
	var pts plotter.XYs
	for i := range s.X {
		if !math.IsNaN(s.Y[i]) && !math.IsInf(s.Y[i], 0) {
			pts = append(pts, plotter.XY{X: s.X[i], Y: s.Y[i]})
		}
	}
	return pts
}

func finite(ys []float64) plotter.Values {
	var out plotter.Values
	for _, y := range ys {
		if !math.IsNaN(y) && !math.IsInf(y, 0) {
			out = append(out, y)
		}
	}
	return out
}

// prolog is what precedes <svg in a file and has no place inside HTML.
var prolog = regexp.MustCompile(`(?s)^.*?<svg`)

// The size of a plot: two stand side by side.
const (
	plotWidth  = 12.4 * vg.Centimeter
	plotHeight = 7.4 * vg.Centimeter
)

func svg(p *plot.Plot, width, height vg.Length) (template.HTML, error) {
	c := vgsvg.New(width, height)
	p.Draw(draw.New(c))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return "", fmt.Errorf("drawing %q: %w", p.Title.Text, err)
	}
	return template.HTML(prolog.ReplaceAllString(b.String(), "<svg")), nil
}
