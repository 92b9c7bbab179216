package judge

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// A client sends questions to one server.
type client struct {
	label spec.Label
	url   string
	key   string // "" where the server wants none
	http  *http.Client
	pause time.Duration // before the first retry; each further pause is about twice as long
	note  func(string)
	sent  atomic.Int64 // requests, those that failed among them
}

const (
	firstPause  = time.Second
	longestRest = time.Minute
	// longestAsked is the longest pause that a server may ask for: one that wants
	// more has a quota that is used up.
	longestAsked = 10 * time.Minute
	largestBody  = 4 << 20 // bytes
)

func newClient(l spec.Label, key string, note func(string)) (*client, error) {
	u, err := url.Parse(l.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("endpoint %q is no address of a server: http://… or https://…, up to /v1", l.Endpoint)
	}
	if u.User != nil {
		return nil, errors.New("endpoint has a name or password in it; put the key into the environment variable that key names")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = max(2, l.Parallel)
	path := u.JoinPath("chat", "completions")
	if l.API == completions {
		path = u.JoinPath("completions")
	}
	return &client{label: l, url: path.String(), key: key, http: &http.Client{Transport: transport}, pause: firstPause, note: note}, nil
}

// completions is spec.Label.API where a text is gone on with; else there are
// turns.
const completions = "completions"

// A request is what the server gets, as OpenAI's chat completions have it, or
// its completions, which have a prompt in the place of messages.
type request struct {
	Model       string    `json:"model"`
	Messages    []message `json:"messages,omitempty"`
	Prompt      string    `json:"prompt,omitempty"`
	MaxTokens   int       `json:"max_tokens"`
	Temperature float64   `json:"temperature"`
	Seed        *int64    `json:"seed,omitempty"`
	Stop        []string  `json:"stop,omitempty"`
}

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// request is what is sent for a query. Each sample has a seed of its own, a pure
// function of the label's; where nothing is drawn there is none.
func (c *client) request(q query) request {
	l := c.label
	r := request{Model: l.Model, MaxTokens: l.MaxTokens, Temperature: l.Temperature, Stop: l.Until}
	if l.API == completions {
		r.Prompt = q.text
	} else {
		r.Messages = []message{{"user", q.text}}
	}
	if l.Temperature > 0 {
		sum := q.seed(l)
		seed := int64(binary.LittleEndian.Uint32(sum[:]) >> 1) // 31 bits: what every server takes
		r.Seed = &seed
	}
	return r
}

// A completion is what of the server's answer is read.
type completion struct {
	Model   string `json:"model"`
	Choices []struct {
		Message struct {
			Content string `json:"content"`
			Refusal string `json:"refusal"`
		} `json:"message"`
		Text   string `json:"text"` // of completions
		Finish string `json:"finish_reason"`
	} `json:"choices"`
	Usage struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
	} `json:"usage"`
}

// answer is the first choice of a completion.
func (c completion) answer(q query) Answer {
	one := c.Choices[0]
	return Answer{
		Question: q.question, Sample: q.sample, Model: c.Model, Text: cmp.Or(one.Message.Content, one.Text, one.Message.Refusal), Finish: one.Finish,
		PromptTokens: max(0, c.Usage.Prompt), AnswerTokens: max(0, c.Usage.Completion),
	}
}

// ask sends a query until there is a whole answer to it, or going ends: then
// a request that is under way is still waited for, but not tried again.
func (c *client) ask(ctx, going context.Context, q query) (Answer, error) {
	who, body := q.who, bytes.TrimSpace(line(c.request(q)))
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.Multiplier, pauses.MaxInterval = c.pause, 2, longestRest
	tries := 0
	answer, err := backoff.Retry(going,
		func() (completion, error) { tries++; return c.try(ctx, body) },
		backoff.WithBackOff(pauses),
		backoff.WithMaxTries(uint(c.label.Retries)+1),
		backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, pause time.Duration) {
			c.note(c.clean(fmt.Sprintf("%s: %v; asking again in %.1f s", who, err, pause.Seconds())))
		}))
	if err != nil && ctx.Err() == nil {
		text := fmt.Sprintf("%s: %v", who, err)
		if tries > 1 {
			text += fmt.Sprintf(" (asked %d times)", tries)
		}
		err = errors.New(c.clean(text))
	}
	if err != nil {
		return Answer{}, err
	}
	a := answer.answer(q)
	a.Model, a.Text, a.Finish = c.clean(a.Model), c.clean(a.Text), c.clean(a.Finish)
	return a, nil
}

// clean takes the key out of what a server says: some repeat it.
func (c *client) clean(text string) string {
	const shortest = 6 // what is shorter is a placeholder, and may be a word
	if len(c.key) < shortest {
		return text
	}
	return strings.ReplaceAll(text, c.key, "[key]")
}

// try sends a question once. Its error is backoff.Permanent where asking again
// would change nothing.
func (c *client) try(ctx context.Context, body []byte) (completion, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.label.Timeout*float64(time.Second)))
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return completion{}, backoff.Permanent(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if c.key != "" {
		r.Header.Set("Authorization", "Bearer "+c.key)
	}
	c.sent.Add(1)
	response, err := c.http.Do(r)
	if err != nil {
		return completion{}, timedOut(ctx, err, c.label.Timeout)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, largestBody))
	if response.StatusCode != http.StatusOK {
		return completion{}, refused(response, content)
	}
	if err != nil {
		return completion{}, timedOut(ctx, fmt.Errorf("the answer is cut short: %w", err), c.label.Timeout)
	}
	return complete(content)
}

func timedOut(ctx context.Context, err error, timeout float64) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("no answer within timeout = %g seconds", timeout)
	}
	return err
}

// complete reads an answer; what is no whole one is worth another try.
func complete(content []byte) (completion, error) {
	var out completion
	if err := json.Unmarshal(content, &out); err != nil {
		return completion{}, fmt.Errorf("the answer is broken JSON: %w", err)
	}
	if len(out.Choices) == 0 {
		return completion{}, fmt.Errorf("the answer has no choices: %s", said(content))
	}
	return out, nil
}

// refused is the error of a status other than 200.
func refused(r *http.Response, content []byte) error {
	err := fmt.Errorf("the server answered %s: %s", r.Status, said(content))
	switch r.StatusCode {
	case http.StatusTooManyRequests, http.StatusRequestTimeout:
	default:
		if r.StatusCode < 500 {
			return backoff.Permanent(err)
		}
	}
	pause, asked := retryAfter(r.Header.Get("Retry-After"))
	switch {
	case pause > longestAsked:
		return backoff.Permanent(fmt.Errorf("%w; it asks to wait %v: run again then, what is answered is kept", err, pause))
	case asked:
		return fmt.Errorf("%w (%w)", err, backoff.RetryAfter(int(pause/time.Second)))
	}
	return err
}

// retryAfter reads the header of that name: seconds or a date.
func retryAfter(value string) (time.Duration, bool) {
	if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds >= 0 && seconds < 1e9 {
		return time.Duration(seconds+0.999) * time.Second, true
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(date)).Truncate(time.Second) + time.Second, true
	}
	return 0, false
}

// said is the message in a body that tells of an error, or its beginning.
func said(content []byte) string {
	var body struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
		Detail  json.RawMessage `json:"detail"`
	}
	if json.Unmarshal(content, &body) == nil {
		for _, part := range []json.RawMessage{body.Error, body.Detail} {
			var inner struct {
				Message string `json:"message"`
			}
			var text string
			switch {
			case json.Unmarshal(part, &inner) == nil && inner.Message != "":
				return inner.Message
			case json.Unmarshal(part, &text) == nil && text != "":
				return text
			}
		}
		if body.Message != "" {
			return body.Message
		}
	}
	const most = 300
	text := []rune(strings.Join(strings.Fields(strings.ToValidUTF8(string(content), "�")), " "))
	switch {
	case len(text) == 0:
		return "nothing"
	case len(text) > most:
		return string(text[:most]) + "…"
	}
	return string(text)
}
