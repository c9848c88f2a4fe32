package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	ringback "github.com/ringback/ringback/clients/go"
	ringbackv1 "github.com/ringback/ringback/clients/go/ringback/v1"
)

const (
	priorities = 9
	batch      = 500
)

func (b *bench) enqueue(ctx context.Context) (measured, error) {
	if _, err := b.create(ctx, 50, "warm-up"); err != nil {
		return measured{}, err
	}
	begun := time.Now()
	took, err := b.create(ctx, b.count, "measured")
	if err != nil {
		return measured{}, err
	}
	return measured{Seconds: time.Since(begun).Seconds(), Latencies: took.percentiles()}, nil
}

// create asks for callbacks, one by one, so many at a time as wanted.
func (b *bench) create(ctx context.Context, count int, name string) (*timings, error) {
	took := &timings{}
	var number atomic.Int64
	clients, ctx := errgroup.WithContext(ctx)
	for range b.inFlight {
		clients.Go(func() error {
			for n := int(number.Add(1)); n <= count; n = int(number.Add(1)) {
				begun := time.Now()
				request := b.callback(fmt.Sprintf("%s-%d", name, n), n, begun.Add(time.Hour))
				if _, err := ringback.Create(ctx, b.callbacks, request); err != nil {
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
	now := time.Now()
	if err := b.createAll(ctx, func() time.Time { return now }); err != nil {
		return measured{}, err
	}
	begun := time.Now()
	err := b.dial(ctx, func(*ringbackv1.Lease) {})
	return measured{Seconds: time.Since(begun).Seconds()}, err
}

func (b *bench) latency(ctx context.Context) (measured, error) {
	late := &timings{}
	working, ctx := errgroup.WithContext(ctx)
	working.Go(func() error {
		return b.dial(ctx, func(lease *ringbackv1.Lease) {
			late.add(time.Since(lease.GetCallback().GetCallbackRequest().GetDueDate().AsTime()))
		})
	})
	working.Go(func() error {
		due := time.Now().Add(time.Second)
		return b.createAll(ctx, func() time.Time {
			due = due.Add(20*time.Millisecond + rand.N(60*time.Millisecond))
			return due
		})
	})
	if err := working.Wait(); err != nil {
		return measured{}, err
	}
	return measured{Latencies: late.percentiles()}, nil
}

func (b *bench) createAll(ctx context.Context, due func() time.Time) error {
	requests := make([]*ringbackv1.CreateCallbackRequest, b.count)
	for n := range requests {
		requests[n] = b.callback(fmt.Sprintf("measured-%d", n), n, due())
	}
	for some := range slices.Chunk(requests, batch) {
		created, err := b.callbacks.BatchCreateCallbacks(ctx, &ringbackv1.BatchCreateCallbacksRequest{Requests: some})
		if err != nil {
			return err
		}
		for _, result := range created.GetResults() {
			if err := ringback.ErrorOf(result.GetError()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) callback(name string, number int, due time.Time) *ringbackv1.CreateCallbackRequest {
	return &ringbackv1.CreateCallbackRequest{CallbackRequest: &ringbackv1.CallbackRequest{
		Target:                fmt.Sprintf("sip:answer@%s.example", name),
		Service:               &ringbackv1.CallbackRequest_ServiceId{ServiceId: b.service},
		SecondsBetweenRetries: proto.Int32(60),
		Priority:              ringbackv1.Priority(1 + number%priorities),
		CallerId:              "crm",
		ExternalTaskId:        name,
		DueDate:               timestamppb.New(due),
	}}
}
