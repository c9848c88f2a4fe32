package main

import (
	"slices"
	"sync"
	"time"
)

// Span is when something began and ended, in seconds of Unix time.
type Span struct {
	Begun float64 `json:"begun"`
	Ended float64 `json:"ended"`
}

func spanSince(begun time.Time) Span {
	return Span{Begun: unix(begun), Ended: unix(time.Now())}
}

func unix(moment time.Time) float64 { return float64(moment.UnixMicro()) / 1e6 }

// Latency is how long something took, in microseconds.
type Latency struct {
	Count int     `json:"count"`
	Min   float64 `json:"min_us"`
	P50   float64 `json:"p50_us"`
	P99   float64 `json:"p99_us"`
	Max   float64 `json:"max_us"`
}

// timings gathers how long something took each time. Ready to use, by many goroutines.
type timings struct {
	lock sync.Mutex
	took []time.Duration
}

func (t *timings) add(took time.Duration) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.took = append(t.took, took)
}

func (t *timings) count() int { return len(t.took) }

// latency says what was gathered, once nobody adds to it any more.
func (t *timings) latency() Latency {
	if len(t.took) == 0 {
		return Latency{}
	}
	slices.Sort(t.took)
	at := func(share float64) float64 {
		return float64(t.took[int(share*float64(len(t.took)-1))]) / float64(time.Microsecond)
	}
	return Latency{Count: len(t.took), Min: at(0), P50: at(0.5), P99: at(0.99), Max: at(1)}
}
