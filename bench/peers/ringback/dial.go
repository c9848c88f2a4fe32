package main

import (
	"context"
	"sync/atomic"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	ringbackv1 "github.com/ringback/ringback/clients/go/ringback/v1"
)

// dial takes all callbacks, and has each call answered at once. It tells `started` when a call may be placed: not when the
// callback was leased, but when DIALING is acknowledged.
func (b *bench) dial(ctx context.Context, started func(*ringbackv1.Lease)) error {
	polling, finish := context.WithCancel(ctx)
	defer finish()
	var ended atomic.Int64
	polls, ctx := errgroup.WithContext(ctx)
	for range b.polls {
		polls.Go(func() error {
			for {
				polled, err := b.dialer.LeaseCallbacks(polling, &ringbackv1.LeaseCallbacksRequest{
					DialerId: "bench", MaxLeases: int32(b.lines), RequestId: uuid.NewString(),
				})
				if polling.Err() != nil {
					return ctx.Err()
				}
				if err != nil {
					return err
				}
				if err := b.callAll(ctx, polled.GetLeases(), started); err != nil {
					return err
				}
				if ended.Add(int64(len(polled.GetLeases()))) == int64(b.count) {
					finish()
				}
			}
		})
	}
	return polls.Wait()
}

func (b *bench) callAll(ctx context.Context, leases []*ringbackv1.Lease, started func(*ringbackv1.Lease)) error {
	calls, ctx := errgroup.WithContext(ctx)
	for _, lease := range leases {
		calls.Go(func() error {
			progress := &ringbackv1.ReportProgressRequest{
				LeaseToken: lease.GetLeaseToken(), Progress: ringbackv1.AttemptProgress_ATTEMPT_PROGRESS_DIALING,
			}
			if _, err := b.dialer.ReportProgress(ctx, progress); err != nil {
				return err
			}
			started(lease)
			outcome := &ringbackv1.ReportOutcomeRequest{
				LeaseToken: lease.GetLeaseToken(), Outcome: ringbackv1.CallOutcome_CALL_OUTCOME_ANSWERED,
			}
			_, err := b.dialer.ReportOutcome(ctx, outcome)
			return err
		})
	}
	return calls.Wait()
}
