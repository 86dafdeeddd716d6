package soak

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// numbers are sums of metrics: by name, and by name, a colon and the value of each label.
type numbers map[string]float64

// scrape asks a running job for its metrics.
func scrape(ctx context.Context, url string) (numbers, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("metrics at %s: %s", url, answer.Status)
	}
	n, lines := numbers{}, bufio.NewScanner(answer.Body)
	for lines.Scan() {
		n.add(lines.Text())
	}
	return n, lines.Err()
}

// add takes a line of Prometheus' text format in, such as name{operator="rows",subtask="0"} 12.
func (n numbers) add(line string) {
	series, text, ok := strings.Cut(line, " ")
	value, err := strconv.ParseFloat(text, 64)
	if !ok || err != nil {
		return // a comment
	}
	name, labels, _ := strings.Cut(strings.TrimSuffix(series, "}"), "{")
	n[name] += value
	for label := range strings.SplitSeq(labels, ",") {
		if _, of, ok := strings.Cut(label, "="); ok {
			n[name+":"+strings.Trim(of, `"`)] += value
		}
	}
}
