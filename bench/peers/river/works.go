package main

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"golang.org/x/sync/errgroup"
)

const (
	// River has four, 1 the highest.
	priorities = 4
	// Its scheduler looks every 5 s for what falls due within the next 5 s. What is asked for later than that waits for it.
	lookAhead = 6 * time.Second
)

// job does nothing.
type job struct {
	Due time.Time `json:"due"`
}

func (job) Kind() string { return "job" }

// worker notes when jobs start.
type worker struct {
	river.WorkerDefaults[job]
	first atomic.Pointer[time.Time]
	late  timings
}

func (w *worker) Work(_ context.Context, j *river.Job[job]) error {
	now := time.Now()
	w.first.CompareAndSwap(nil, &now)
	w.late.add(now.Sub(j.Args.Due))
	return nil
}

func (b *bench) enqueue(ctx context.Context) (measured, error) {
	if _, err := b.insert(ctx, 50); err != nil {
		return measured{}, err
	}
	begun := time.Now()
	took, err := b.insert(ctx, b.count)
	if err != nil {
		return measured{}, err
	}
	return measured{Seconds: time.Since(begun).Seconds(), Latencies: took.percentiles()}, nil
}

// insert asks for count jobs, so many at a time as wanted.
func (b *bench) insert(ctx context.Context, count int) (*timings, error) {
	took := &timings{}
	var number atomic.Int64
	clients, ctx := errgroup.WithContext(ctx)
	for range b.inFlight {
		clients.Go(func() error {
			for n := int(number.Add(1)); n <= count; n = int(number.Add(1)) {
				begun := time.Now()
				options := &river.InsertOpts{Priority: 1 + n%priorities, ScheduledAt: begun.Add(time.Hour)}
				if _, err := b.client.Insert(ctx, job{}, options); err != nil {
					return err
				}
				took.add(time.Since(begun))
			}
			return nil
		})
	}
	return took, clients.Wait()
}

func (b *bench) run(ctx context.Context) (measured, error) {
	jobs := make([]river.InsertManyParams, b.count)
	for n := range jobs {
		jobs[n] = river.InsertManyParams{Args: job{}, InsertOpts: &river.InsertOpts{Priority: 1 + n%priorities}}
	}
	if _, err := b.client.InsertMany(ctx, jobs); err != nil {
		return measured{}, err
	}
	ended, err := b.work(ctx, func() error { return nil })
	if err != nil {
		return measured{}, err
	}
	return measured{Seconds: ended.Sub(*b.worker.first.Load()).Seconds()}, nil
}

func (b *bench) latency(ctx context.Context) (measured, error) {
	insert := func() error {
		jobs := make([]river.InsertManyParams, b.count)
		due := time.Now().Add(lookAhead)
		for n := range jobs {
			jobs[n] = river.InsertManyParams{Args: job{Due: due}, InsertOpts: &river.InsertOpts{ScheduledAt: due}}
			due = due.Add(20*time.Millisecond + rand.N(60*time.Millisecond))
		}
		_, err := b.client.InsertMany(ctx, jobs)
		return err
	}
	if _, err := b.work(ctx, insert); err != nil {
		return measured{}, err
	}
	return measured{Latencies: b.worker.late.percentiles()}, nil
}

// work starts the workers, inserts, and answers when all jobs are recorded as completed: River tells it after the commit.
func (b *bench) work(ctx context.Context, insert func() error) (ended time.Time, err error) {
	completed, cancel := b.client.SubscribeConfig(&river.SubscribeConfig{
		ChanSize: b.count, Kinds: []river.EventKind{river.EventKindJobCompleted},
	})
	defer cancel()
	if err := b.client.Start(ctx); err != nil {
		return ended, err
	}
	if err := insert(); err != nil {
		return ended, err
	}
	for range b.count {
		<-completed
	}
	ended = time.Now()
	return ended, b.client.Stop(ctx)
}
