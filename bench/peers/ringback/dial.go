package main

import (
	"context"
	"sync/atomic"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	ringback "github.com/ringback/ringback/clients/go"
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
	if b.together && len(leases) > 0 {
		return b.callTogether(ctx, leases, started)
	}
	calls, ctx := errgroup.WithContext(ctx)
	for _, lease := range leases {
		calls.Go(func() error {
			if _, err := b.dialer.ReportProgress(ctx, dialing(lease)); err != nil {
				return err
			}
			started(lease)
			_, err := b.dialer.ReportOutcome(ctx, answered(lease))
			return err
		})
	}
	return calls.Wait()
}

// callTogether does the same with one call for all that is to be reported at a time.
func (b *bench) callTogether(ctx context.Context, leases []*ringbackv1.Lease, started func(*ringbackv1.Lease)) error {
	begun, ended := &ringbackv1.ReportAttemptsRequest{}, &ringbackv1.ReportAttemptsRequest{}
	for _, lease := range leases {
		progress := &ringbackv1.AttemptReport_Progress{Progress: dialing(lease)}
		begun.Reports = append(begun.Reports, &ringbackv1.AttemptReport{Report: progress})
		outcome := &ringbackv1.AttemptReport_Outcome{Outcome: answered(lease)}
		ended.Reports = append(ended.Reports, &ringbackv1.AttemptReport{Report: outcome})
	}
	if err := b.report(ctx, begun); err != nil {
		return err
	}
	for _, lease := range leases {
		started(lease)
	}
	return b.report(ctx, ended)
}

func (b *bench) report(ctx context.Context, reports *ringbackv1.ReportAttemptsRequest) error {
	reported, err := b.dialer.ReportAttempts(ctx, reports)
	if err != nil {
		return err
	}
	for _, result := range reported.GetResults() {
		if err := ringback.ErrorOf(result.GetError()); err != nil {
			return err
		}
	}
	return nil
}

func dialing(lease *ringbackv1.Lease) *ringbackv1.ReportProgressRequest {
	return &ringbackv1.ReportProgressRequest{
		LeaseToken: lease.GetLeaseToken(), Progress: ringbackv1.AttemptProgress_ATTEMPT_PROGRESS_DIALING,
	}
}

func answered(lease *ringbackv1.Lease) *ringbackv1.ReportOutcomeRequest {
	return &ringbackv1.ReportOutcomeRequest{
		LeaseToken: lease.GetLeaseToken(), Outcome: ringbackv1.CallOutcome_CALL_OUTCOME_ANSWERED,
	}
}
