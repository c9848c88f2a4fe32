package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

const (
	// 1 is the highest.
	priorities = 5
	// Starts at a time where time is not what is measured.
	quickly = 16
)

// jobs notes when jobs start, and when they are recorded as completed.
type jobs struct {
	first     atomic.Pointer[time.Time]
	late      timings
	completed chan struct{}
}

// Job is a workflow. What it does is done by an activity: a workflow itself may not touch the world.
func (j *jobs) Job(ctx workflow.Context, delay time.Duration, bare bool) error {
	// Due dates are relative to the start that the server has noted.
	due := workflow.GetInfo(ctx).WorkflowStartTime.Add(delay)
	if bare {
		return j.Handle(context.Background(), due)
	}
	handled := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	return workflow.ExecuteActivity(handled, j.Handle, due).Get(ctx, nil)
}

// Handle is an activity, which does nothing.
func (j *jobs) Handle(_ context.Context, due time.Time) error {
	now := time.Now()
	j.first.CompareAndSwap(nil, &now)
	j.late.add(now.Sub(due))
	return nil
}

func (b *bench) enqueue(ctx context.Context) (measured, error) {
	hour := func(int) time.Duration { return time.Hour }
	if _, err := b.start(ctx, 50, b.inFlight, hour); err != nil {
		return measured{}, err
	}
	begun := time.Now()
	took, err := b.start(ctx, b.count, b.inFlight, hour)
	return measured{Seconds: time.Since(begun).Seconds(), Latencies: took.percentiles()}, err
}

func (b *bench) run(ctx context.Context) (measured, error) {
	if _, err := b.start(ctx, b.count, quickly, func(int) time.Duration { return 0 }); err != nil {
		return measured{}, err
	}
	err := b.work(func() error { return nil })
	return measured{Seconds: time.Since(*b.jobs.first.Load()).Seconds()}, err
}

func (b *bench) latency(ctx context.Context) (measured, error) {
	err := b.work(func() error {
		dues := make([]time.Time, b.count)
		due := time.Now().Add(time.Second)
		for n := range dues {
			dues[n] = due
			due = due.Add(20*time.Millisecond + rand.N(60*time.Millisecond))
		}
		_, err := b.start(ctx, b.count, quickly, func(n int) time.Duration { return time.Until(dues[n]) })
		return err
	})
	return measured{Latencies: b.jobs.late.percentiles()}, err
}

// start asks for count workflows, so many at a time as wanted, each with a delay of its own.
func (b *bench) start(ctx context.Context, count, inFlight int, delay func(n int) time.Duration) (*timings, error) {
	took := &timings{}
	var next atomic.Int64
	var clients sync.WaitGroup
	var failed atomic.Pointer[error]
	for range inFlight {
		clients.Go(func() {
			for n := int(next.Add(1)) - 1; n < count; n = int(next.Add(1)) - 1 {
				begun := time.Now()
				options := client.StartWorkflowOptions{
					TaskQueue: queue, StartDelay: delay(n), Priority: temporal.Priority{PriorityKey: 1 + n%priorities},
				}
				if _, err := b.client.ExecuteWorkflow(ctx, options, b.jobs.Job, options.StartDelay, b.bare); err != nil {
					failed.Store(&err)
					return
				}
				took.add(time.Since(begun))
			}
		})
	}
	clients.Wait()
	if err := failed.Load(); err != nil {
		return took, *err
	}
	return took, nil
}

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
