package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/time/rate"
)

// chunk is how many bytes are let through at once: small enough that a slow rate is smooth, large enough to be cheap.
const chunk = 16 * 1024

// throttle limits all answers together, as one link would.
type throttle struct{ limiter *rate.Limiter }

func newThrottle() *throttle { return &throttle{rate.NewLimiter(rate.Inf, 4*chunk)} }

// set takes bytes a second; 0 means no limit.
func (t *throttle) set(bytesPerSecond int64) {
	if bytesPerSecond <= 0 {
		t.limiter.SetLimit(rate.Inf)
		return
	}
	t.limiter.SetLimit(rate.Limit(bytesPerSecond))
}

func (t *throttle) bytesPerSecond() int64 {
	if t.limiter.Limit() == rate.Inf {
		return 0
	}
	return int64(t.limiter.Limit())
}

func (t *throttle) slow(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&slowWriter{ResponseWriter: w, throttle: t, request: r}, r)
	})
}

type slowWriter struct {
	http.ResponseWriter
	throttle *throttle
	request  *http.Request
}

func (w *slowWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *slowWriter) Write(content []byte) (int, error) {
	written := 0
	for written < len(content) {
		part := content[written:min(written+chunk, len(content))]
		if err := w.throttle.limiter.WaitN(w.request.Context(), len(part)); err != nil {
			return written, err
		}
		n, err := w.ResponseWriter.Write(part)
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// parseRate reads "100mbit", "500kbit", "1gbit", "off", or a plain number of bytes a second.
func parseRate(text string) (int64, error) {
	if text == "off" {
		return 0, nil
	}
	number, factor := text, 1.0
	for suffix, bits := range map[string]float64{"kbit": 1e3, "mbit": 1e6, "gbit": 1e9} {
		if rest, found := strings.CutSuffix(strings.ToLower(text), suffix); found {
			number, factor = rest, bits/8
		}
	}
	value, err := strconv.ParseFloat(number, 64)
	if err != nil || value <= 0 || value*factor < 1 {
		return 0, fmt.Errorf("%q is no rate\nhint: say 100mbit, 500kbit, 1gbit, off, or bytes a second", text)
	}
	return int64(value * factor), nil
}
