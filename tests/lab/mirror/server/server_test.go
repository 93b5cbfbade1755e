package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// aMirror serves one file of random bytes through everything that stands between a file and a client.
type aMirror struct {
	content []byte
	url     string
	rate    *throttle
	faults  *faultList
	log     string
}

func newMirror(t *testing.T, size int) *aMirror {
	t.Helper()
	home := place(t.TempDir())
	content := make([]byte, size)
	_, _ = rand.Read(content)
	file := filepath.Join(home.files(), "example.com", "v1", "tool")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, content, 0o644); err != nil {
		t.Fatal(err)
	}
	requests, err := openAccessLog(home.accessLog())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(requests.close)
	m := &aMirror{content: content, rate: newThrottle(), faults: &faultList{}, log: home.accessLog()}
	server := httptest.NewServer(requests.record("files", m.rate.slow(m.faults.spoil(fileHandler(home.files())))))
	t.Cleanup(server.Close)
	m.url = server.URL + "/example.com/v1/tool"
	return m
}

// fetch gives status, body as far as it came, and the error that ended it.
func (m *aMirror) fetch(t *testing.T, headers ...string) (*http.Response, []byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer, err := (&http.Client{Transport: &http.Transport{}}).Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer, body, err
}

func (m *aMirror) misbehave(t *testing.T, times int, words ...string) {
	t.Helper()
	f, err := parseFault(words, times)
	if err != nil {
		t.Fatal(err)
	}
	m.faults.add(f)
}

func TestAFileIsServedWholeAndByRange(t *testing.T) {
	m := newMirror(t, 100_000)
	answer, body, err := m.fetch(t)
	if err != nil || answer.StatusCode != 200 || !bytes.Equal(body, m.content) {
		t.Fatalf("whole: %v %v", answer, err)
	}
	tag := answer.Header.Get("ETag")
	answer, body, err = m.fetch(t, "Range", "bytes=99000-", "If-Range", tag)
	if err != nil || answer.StatusCode != 206 || !bytes.Equal(body, m.content[99_000:]) {
		t.Fatalf("range: %v %v", answer, err)
	}
	answer, body, err = m.fetch(t, "Range", "bytes=99000-", "If-Range", `"another"`)
	if err != nil || answer.StatusCode != 200 || !bytes.Equal(body, m.content) {
		t.Fatalf("range of another version: %v %v", answer, err)
	}
}

func TestFoldersAndWhatLiesOutsideAreNotServed(t *testing.T) {
	m := newMirror(t, 10)
	for _, end := range []string{"/example.com", "/example.com/v1/nothing", "/../access.log", "/%2e%2e/access.log"} {
		answer, err := http.Get(strings.TrimSuffix(m.url, "/example.com/v1/tool") + end)
		if err != nil || answer.StatusCode != 404 {
			t.Errorf("%s: %v %v", end, answer.Status, err)
		}
	}
}

func TestEachFaultIsWhatItSays(t *testing.T) {
	t.Run("status", func(t *testing.T) {
		m := newMirror(t, 1000)
		m.misbehave(t, 1, "example.com/*", "status", "429")
		if answer, _, _ := m.fetch(t); answer.StatusCode != 429 || answer.Header.Get("Retry-After") == "" {
			t.Errorf("got %v", answer)
		}
		if answer, _, _ := m.fetch(t); answer.StatusCode != 200 {
			t.Errorf("a fault for one time came twice: %v", answer)
		}
	})
	t.Run("truncate", func(t *testing.T) {
		m := newMirror(t, 100_000)
		m.misbehave(t, 0, "*/tool", "truncate", "5000")
		if _, body, err := m.fetch(t); len(body) != 5000 || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %d bytes and %v", len(body), err)
		}
	})
	t.Run("reset", func(t *testing.T) {
		m := newMirror(t, 100_000)
		m.misbehave(t, 0, "*/tool", "reset")
		if _, _, err := m.fetch(t); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("stall", func(t *testing.T) {
		m := newMirror(t, 100_000)
		m.misbehave(t, 0, "*/tool", "stall", "5000")
		if _, body, err := m.fetch(t); len(body) != 5000 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %d bytes and %v", len(body), err)
		}
	})
	t.Run("wrong-bytes", func(t *testing.T) {
		m := newMirror(t, 100_000)
		m.misbehave(t, 0, "*/tool", "wrong-bytes", "10")
		_, body, err := m.fetch(t)
		if err != nil || len(body) != len(m.content) || !bytes.Equal(body[:10], m.content[:10]) || body[10] == m.content[10] {
			t.Errorf("got %d bytes and %v", len(body), err)
		}
	})
	t.Run("html", func(t *testing.T) {
		m := newMirror(t, 1000)
		m.misbehave(t, 0, "*/tool", "html")
		if answer, body, _ := m.fetch(t); answer.StatusCode != 200 || !bytes.HasPrefix(body, []byte("<!DOCTYPE html>")) {
			t.Errorf("got %s", body)
		}
	})
	t.Run("delay", func(t *testing.T) {
		m := newMirror(t, 1000)
		m.misbehave(t, 0, "*/tool", "delay", "300")
		began := time.Now()
		if answer, _, _ := m.fetch(t); answer.StatusCode != 200 || time.Since(began) < 300*time.Millisecond {
			t.Errorf("got %v after %v", answer, time.Since(began))
		}
	})
}

func TestAnotherPathIsLeftAlone(t *testing.T) {
	m := newMirror(t, 1000)
	m.misbehave(t, 0, "v2/*", "status", "500")
	if answer, _, _ := m.fetch(t); answer.StatusCode != 200 {
		t.Errorf("got %v", answer)
	}
}

func TestUnknownFaultsAreRefused(t *testing.T) {
	for _, words := range [][]string{{"*", "explode"}, {"*"}, {"*", "status", "many"}} {
		if _, err := parseFault(words, 0); err == nil {
			t.Errorf("%v was taken", words)
		}
	}
}

func TestTheRateHoldsForAllAnswersTogether(t *testing.T) {
	m := newMirror(t, 250_000)
	bytesPerSecond, err := parseRate("4mbit")
	if err != nil || bytesPerSecond != 500_000 {
		t.Fatalf("4mbit is %d, %v", bytesPerSecond, err)
	}
	m.rate.set(bytesPerSecond)
	began := time.Now()
	done := make(chan error, 2)
	for range 2 {
		go func() {
			_, _, err := m.fetch(t)
			done <- err
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	// half a million bytes at that rate, less what may come at once
	if took := time.Since(began); took < 700*time.Millisecond || took > 1500*time.Millisecond {
		t.Errorf("took %v instead of about a second", took)
	}
}

func TestEachRequestLeavesALine(t *testing.T) {
	m := newMirror(t, 1000)
	m.misbehave(t, 1, "*", "truncate", "7")
	_, _, _ = m.fetch(t)
	_, _, _ = m.fetch(t)
	text, err := os.ReadFile(m.log)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `bytes=7 `) || !strings.Contains(lines[0], `fault="truncate"`) ||
		!strings.Contains(lines[1], "GET /example.com/v1/tool status=200 bytes=1000") {
		t.Errorf("got:\n%s", text)
	}
}

func TestCertificatesAreMadeOnce(t *testing.T) {
	home := place(t.TempDir())
	hosts, err := hostsOf([]string{"127.0.0.1:18443", "10.0.0.1:18443"})
	if err != nil {
		t.Fatal(err)
	}
	first, err := ensureCertificates(home, hosts)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "::1", "10.0.0.1", "localhost"} {
		if err := first.Leaf.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	second, err := ensureCertificates(home, hosts[:2])
	if err != nil || !bytes.Equal(first.Certificate[0], second.Certificate[0]) {
		t.Errorf("made twice: %v", err)
	}
	if err := os.Remove(home.authority()); err != nil {
		t.Fatal(err)
	}
	third, err := ensureCertificates(home, hosts[:2])
	if err != nil || bytes.Equal(first.Certificate[0], third.Certificate[0]) {
		t.Errorf("not made anew without an authority: %v", err)
	}
	fourth, err := ensureCertificates(home, hosts)
	if err != nil || fourth.Leaf.VerifyHostname("10.0.0.1") != nil {
		t.Errorf("not made anew for another host: %v", err)
	}
}
