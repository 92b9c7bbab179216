package report

import (
	"fmt"
	"html/template"
	"image/color"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// A Grid is numbers by row and column, each with a name. A NaN is left blank.
type Grid struct {
	Rows, Columns []string
	Values        [][]float64 // [row][column]
}

// cell is the height of a row of a heat map; margins are what is around them.
const (
	cell    = 0.55 * vg.Centimeter
	margins = 2.2 * vg.Centimeter
)

// Heat draws a grid, its first row on top: blue above zero, orange below, the
// deeper the further from it, each cell with its number.
func Heat(title string, g Grid) (template.HTML, error) {
	if err := g.check(); err != nil {
		return "", fmt.Errorf("heat map %q: %w", title, err)
	}
	p := plot.New()
	p.Title.Text, p.Title.Padding = title, vg.Points(4)
	for _, style := range []*text.Style{&p.Title.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label} {
		style.Font.Variant, style.Font.Size = "Sans", vg.Points(8)
	}
	p.Title.TextStyle.Font.Size = vg.Points(10)
	largest := g.largest()
	heat := plotter.NewHeatMap(upright{g}, scale{})
	heat.Min, heat.Max, heat.NaN = -largest, largest, color.White
	labels, err := g.labels(largest)
	if err != nil {
		return "", fmt.Errorf("heat map %q: %w", title, err)
	}
	p.Add(heat, labels)
	p.NominalX(g.Columns...)
	names := slices.Clone(g.Rows)
	slices.Reverse(names)
	p.NominalY(names...)
	return svg(p, plotWidth, margins+cell*vg.Length(len(g.Rows)))
}

func (g Grid) check() error {
	if len(g.Rows) == 0 || len(g.Columns) == 0 {
		return fmt.Errorf("%d rows and %d columns", len(g.Rows), len(g.Columns))
	}
	if len(g.Values) != len(g.Rows) {
		return fmt.Errorf("%d rows of numbers for %d names", len(g.Values), len(g.Rows))
	}
	for i, row := range g.Values {
		if len(row) != len(g.Columns) {
			return fmt.Errorf("row %s has %d numbers for %d columns", g.Rows[i], len(row), len(g.Columns))
		}
	}
	return nil
}

// largest is how far from zero the numbers go; at least a little, so that there
// is a scale.
func (g Grid) largest() float64 {
	most := 1e-9
	for _, row := range g.Values {
		for _, x := range finite(row) {
			most = max(most, math.Abs(x))
		}
	}
	return most
}

// labels are the numbers on the cells: white where the cell is deep.
func (g Grid) labels(largest float64) (*plotter.Labels, error) {
	var all plotter.XYLabels
	var dark []bool
	for i, row := range g.Values {
		for j, x := range row {
			if math.IsNaN(x) {
				continue
			}
			all.XYs = append(all.XYs, plotter.XY{X: float64(j), Y: float64(len(g.Values) - 1 - i)})
			all.Labels = append(all.Labels, strconv.FormatFloat(x, 'g', 3, 64))
			dark = append(dark, math.Abs(x) > 0.6*largest)
		}
	}
	labels, err := plotter.NewLabels(all)
	if err != nil {
		return nil, err
	}
	for i := range labels.TextStyle {
		style := &labels.TextStyle[i]
		style.Font.Variant, style.Font.Size = "Sans", vg.Points(7)
		style.XAlign, style.YAlign = text.XCenter, text.YCenter
		if dark[i] {
			style.Color = color.White
		}
	}
	return labels, nil
}

// upright is a grid as plotter wants it: column, row, from the bottom.
type upright struct{ Grid }

func (u upright) Dims() (columns, rows int) { return len(u.Columns), len(u.Rows) }
func (u upright) Z(column, row int) float64 { return u.Values[len(u.Rows)-1-row][column] }
func (u upright) X(column int) float64      { return float64(column) }
func (u upright) Y(row int) float64         { return float64(row) }

// scale goes from orange through white to blue: the first two of palette, which
// readers who do not see red and green tell apart.
type scale struct{}

// Colors has an odd number, so that zero is white.
func (scale) Colors() []color.Color {
	const steps = 31
	var all []color.Color
	for i := -steps; i <= steps; i++ {
		end := palette[0]
		if i < 0 {
			end = palette[1]
		}
		all = append(all, mixed(end, math.Abs(float64(i))/steps))
	}
	return all
}

// mixed is white with a share of c.
func mixed(c color.Color, share float64) color.Color {
	r, g, b, _ := c.RGBA()
	part := func(x uint32) uint8 { return uint8(255 + share*(float64(x>>8)-255)) }
	return color.RGBA{part(r), part(g), part(b), 255}
}
