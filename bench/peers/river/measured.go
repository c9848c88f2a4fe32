package main

import (
	"slices"
	"sync"
	"time"
)

// measured is what a command prints.
type measured struct {
	Seconds   float64            `json:"seconds,omitempty"`
	Latencies map[string]float64 `json:"latencies_ms,omitempty"`
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

func (t *timings) percentiles() map[string]float64 {
	slices.Sort(t.took)
	at := func(share int) float64 { return t.took[share*len(t.took)/100].Seconds() * 1000 }
	return map[string]float64{"p50": at(50), "p99": at(99)}
}
