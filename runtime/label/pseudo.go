package label

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/scoring"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/world"
)

// pseudoFile has what a model said of each pair that it was asked about, a line
// each, in the folder labels/NAME.
const pseudoFile = "pseudo.jsonl"

// A pseudoRow is a line of pseudoFile.
type pseudoRow struct {
	Row        int     `json:"row"`    // 0-based
	First      float64 `json:"first"`  // that the side listed first is better, shown first
	Second     float64 `json:"second"` // and shown second
	P          float64 `json:"p"`
	Confidence float64 `json:"confidence"`
	Kept       bool    `json:"kept"`
	Swapped    bool    `json:"swapped"` // the model prefers the other side
}

// pseudo has a model of the recipe, with the weights that it has by now, say which
// side of each pair is better, and keeps what it is sure of.
func (a asker) pseudo(ctx context.Context, s program.Stage) (out *rundir.Pseudo, reused bool, err error) {
	m, err := a.Program.FindModel(s.Label.Scorer)
	if err != nil {
		return nil, false, err
	}
	texts, err := a.keptTexts(ctx, s, m)
	if err != nil {
		return nil, false, err
	}
	var all []data.Text
	for _, row := range slices.Sorted(maps.Keys(texts)) {
		all = append(all, texts[row])
	}
	inputs, err := a.askedInputs(ctx, s, m, all)
	if err != nil {
		return nil, false, err
	}
	folder := a.LabelFolder(s.Label.Name)
	if kept, err := rundir.ReadLabels[rundir.PseudoLabels](folder, rundir.PreferencesFile); err == nil && kept.Inputs == inputs {
		a.Note(fmt.Sprintf("%s: as labelled before, %s", s.Name(), kept.Summary))
		return &kept.Summary, true, nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, false, err
	}
	judged, of, err := a.judge(ctx, s, m, texts)
	if err != nil {
		return nil, false, err
	}
	confident, yield, err := data.Confident(judged, s.Label.Keep)
	if err != nil {
		return nil, false, err
	}
	of.Yield, of.Scorer, of.Keep = yield, m.Name, s.Label.Keep
	a.Note(fmt.Sprintf("%s: %s", s.Name(), of))
	return of, false, writePseudo(folder, rundir.PseudoLabels{Label: s.Label, Inputs: inputs, Preferences: preferencesOf(judged, confident), Summary: *of}, judged, confident)
}

// keptTexts are the pairs that the stage's data keep: none that is left out for its
// length or because other data have its question.
func (a asker) keptTexts(ctx context.Context, s program.Stage, m spec.Model) (map[int]data.Text, error) {
	set, err := a.Set(ctx, m, s.Data)
	if err != nil {
		return nil, err
	}
	texts, err := a.Texts(ctx, m, s.Data)
	if err != nil {
		return nil, err
	}
	kept := world.KeptRows(set)
	maps.DeleteFunc(texts, func(row int, _ data.Text) bool { return !kept[row] })
	return texts, nil
}

// askedInputs is a digest of all that the answers of a model of the recipe depend
// on; rows are those that it is asked about, in words.
func (a asker) askedInputs(ctx context.Context, s program.Stage, m spec.Model, rows any) (string, error) {
	n, err := a.Network(ctx, m)
	if err != nil {
		return "", err
	}
	weights := n.Digest
	if a.IsTrained(m.Name) {
		if weights, err = a.TrainedDigest(m); err != nil {
			return "", err
		}
	}
	contract, err := a.ContractOf(ctx, m, s.Data)
	if err != nil {
		return "", err
	}
	label, form := s.Label, spec.Data{}
	label.Batch = 0
	if label.Form != "" {
		if form, err = a.Program.FindData(label.Form); err != nil {
			return "", err
		}
		form.Name, form.From = "", spec.From{Kind: form.From.Kind}
	}
	text, err := json.Marshal(rows)
	if err != nil {
		return "", err
	}
	return disk.Digest(fmt.Sprintf("1 %+v %+v %s %s %s", label, form, weights, contract.Hash, text)), nil
}

// judge is the model's probabilities for all pairs, by row.
func (a asker) judge(ctx context.Context, s program.Stage, m spec.Model, texts map[int]data.Text) ([]data.Judgement, *rundir.Pseudo, error) {
	if m.Kind != "policy" {
		judged, err := a.judgeByScores(ctx, s, m)
		return judged, &rundir.Pseudo{}, err
	}
	c, err := a.Comparing(ctx, m, s.Label.Form)
	if err != nil {
		return nil, nil, err
	}
	rows := slices.Sorted(maps.Keys(texts))
	contests := make([]scoring.Contest, len(rows))
	for i, row := range rows {
		t := texts[row]
		contests[i] = scoring.Contest{Prompt: t.Prompt, First: t.Responses[0], Second: t.Responses[1]}
	}
	results, err := c.Compare(ctx, contests)
	if err != nil {
		return nil, nil, err
	}
	a.NoteFailures(s, results)
	out := &rundir.Pseudo{Positions: scoring.Positions(results)}
	judged := make([]data.Judgement, len(rows))
	for i, result := range results {
		judged[i] = data.Judgement{Row: rows[i], First: result.P[0], Second: result.P[1]}
		if s.Label.Orders == "given" {
			judged[i].Second = result.P[0]
		}
		if result.Failed != nil {
			out.Failed++
		}
	}
	return judged, out, nil
}

// judgeByScores is what the difference of two scores says, as in Bradley–Terry: the
// order makes no difference.
func (a asker) judgeByScores(ctx context.Context, s program.Stage, m spec.Model) ([]data.Judgement, error) {
	set, err := a.Set(ctx, m, s.Data)
	if err != nil {
		return nil, err
	}
	evaluate := program.Stage{Kind: "evaluate", Model: m, Data: s.Data, Evaluate: spec.Evaluate{Name: m.Name, Data: s.Data.Name, Part: "all", Batch: s.Label.Batch}}
	examples := world.Part(set, evaluate)
	said, err := a.SayingsOf(ctx, evaluate, set, examples)
	if err != nil {
		return nil, err
	}
	judged := make([]data.Judgement, len(examples))
	for i, e := range examples {
		p := measure.Probability(said.Scores[2*i] - said.Scores[2*i+1])
		judged[i] = data.Judgement{Row: e.Row, First: p, Second: p}
	}
	slices.SortFunc(judged, func(a, b data.Judgement) int { return cmp.Compare(a.Row, b.Row) })
	return judged, nil
}

// preferencesOf is what Relabel reads: -1 keeps the sides, +1 exchanges them, 0
// leaves the pair out.
func preferencesOf(judged []data.Judgement, confident []data.Pseudo) map[int]int8 {
	out := map[int]int8{}
	for _, j := range judged {
		out[j.Row] = 0
	}
	for _, c := range confident {
		if out[c.Row] = -1; c.Swap {
			out[c.Row] = +1
		}
	}
	return out
}

// writePseudo keeps labels, and what they were made of.
func writePseudo(folder string, labels rundir.PseudoLabels, judged []data.Judgement, confident []data.Pseudo) error {
	kept := map[int]bool{}
	for _, c := range confident {
		kept[c.Row] = true
	}
	var lines []any
	for _, j := range judged {
		p := j.P()
		lines = append(lines, pseudoRow{j.Row, j.First, j.Second, p, max(p, 1-p), kept[j.Row], p < 0.5})
	}
	return rundir.KeepLabels(folder, pseudoFile, lines, rundir.PreferencesFile, labels)
}
