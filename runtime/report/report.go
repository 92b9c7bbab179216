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

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
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
	Plots []template.HTML // from Curves, Histogram, Calibration
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
	Predicted float64 // mean predicted probability, 0 to 1
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

// Curves plots each series as a line over x.
func Curves(title, x, y string, series ...Series) (template.HTML, error) {
	p := blank(title, x, y)
	for i, s := range series {
		line, err := plotter.NewLine(points(s))
		if err != nil {
			continue // no finite point: an empty frame says so
		}
		line.Color, line.Width = palette[i%len(palette)], vg.Points(1.4)
		p.Add(line)
		if len(series) > 1 {
			p.Legend.Add(s.Name, line)
		}
	}
	return svg(p)
}

// Histogram plots the distribution of each series' Y, over common bins.
func Histogram(title, x string, bins int, series ...Series) (template.HTML, error) {
	p := blank(title, x, "rows")
	for i, s := range series {
		values := finite(s.Y)
		if len(values) == 0 {
			continue
		}
		h, err := plotter.NewHist(values, bins)
		if err != nil {
			return "", fmt.Errorf("histogram %q: %w", title, err)
		}
		r, g, b, _ := palette[i%len(palette)].RGBA()
		h.FillColor = color.NRGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 0x70}
		h.LineStyle.Width = 0
		p.Add(h)
		p.Legend.Add(s.Name, h)
	}
	return svg(p)
}

// Calibration plots observed against predicted probability, with the diagonal
// on which a calibrated model lies.
func Calibration(title string, bins []Bin) (template.HTML, error) {
	p := blank(title, "predicted P(chosen is better)", "observed")
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
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
	return svg(p)
}

func blank(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{0xe6}, color.Gray{0xe6}
	p.Add(grid)
	p.Legend.Top = true
	return p
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

func svg(p *plot.Plot) (template.HTML, error) {
	c := vgsvg.New(15*vg.Centimeter, 9*vg.Centimeter)
	p.Draw(draw.New(c))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return "", fmt.Errorf("drawing %q: %w", p.Title.Text, err)
	}
	return template.HTML(prolog.ReplaceAllString(b.String(), "<svg")), nil
}
