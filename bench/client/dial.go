package main

import (
	"context"
	"flag"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/durationpb"

	ringbackv1 "github.com/ringback/ringback/clients/go/ringback/v1"
)

// mostLeases is what one poll may ask for.
const mostLeases = 100

// dialing is a dialer at work: as many lines as there can be calls at once, shared by polls.
type dialing struct {
	client   ringbackv1.DialerServiceClient
	lines    chan struct{} // one token for each free line
	services []string
	wanted   int64
	together bool               // what is reported of all leases of a poll
	done     context.CancelFunc // ends the polls

	group failing
	ended atomic.Int64
	late  timings // from the due date to the lease
}

// dial leases callbacks, has each call answered at once, and ends after `-count` lives. It does what
// clients/python/dialer does: polls that can be repeated, DIALING, CONNECTED, and an outcome for each, one by one or
// `-together`. It prints how long after its due date each lease came, where there was one.
func dial(args []string) error {
	flags := flag.NewFlagSet("dial", flag.ExitOnError)
	address := flags.String("address", "", "HOST:PORT of the server")
	service := flags.String("service", "", "UUID of the service to call for; all when empty")
	polls := flags.Int("polls", 4, "that wait at a time")
	lines := flags.Int("lines", 256, "calls at a time")
	token := flags.String("token", "", "bearer token that goes with each call; none when empty")
	limit := flags.Duration("limit", 5*time.Minute, "within which it has to be done")
	d := &dialing{}
	flags.BoolVar(&d.together, "together", false, "report of all leases of a poll in the same calls")
	flags.Int64Var(&d.wanted, "count", 1, "lives to lead to their end")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *service != "" {
		d.services = []string{*service}
	}
	conn, err := grpc.NewClient(*address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	d.client = ringbackv1.NewDialerServiceClient(conn)
	d.lines = make(chan struct{}, *lines)
	for range *lines {
		d.lines <- struct{}{}
	}

	ctx, cancel := context.WithTimeout(context.Background(), *limit)
	defer cancel()
	ctx = withToken(ctx, *token)
	polling, done := context.WithCancel(ctx)
	d.done, d.group.stop = done, cancel
	begun := time.Now()
	for range *polls {
		d.group.run(func() error { return d.poll(ctx, polling) })
	}
	if err := d.group.wait(); err != nil {
		return err
	}
	if ended := d.ended.Load(); ended < d.wanted {
		return fmt.Errorf("%d of %d lives have ended within %v", ended, d.wanted, *limit)
	}
	return show(struct {
		Span
		Latency
		Lives int64 `json:"lives"`
	}{spanSince(begun), d.late.latency(), d.ended.Load()})
}

// poll leases until `polling` is over. What it has leased goes on in `ctx`.
func (d *dialing) poll(ctx, polling context.Context) error {
	for polling.Err() == nil {
		free := d.takeLines(polling)
		leased, err := d.client.LeaseCallbacks(polling, &ringbackv1.LeaseCallbacksRequest{
			DialerId:     "bench",
			ServiceIds:   d.services,
			MaxLeases:    int32(free),
			WaitDuration: durationpb.New(20 * time.Second),
			RequestId:    uuid.NewString(),
		})
		arrival := time.Now()
		if err != nil && polling.Err() == nil {
			return err
		}
		for range free - len(leased.GetLeases()) {
			d.lines <- struct{}{}
		}
		for _, lease := range leased.GetLeases() {
			if due := lease.GetCallback().GetCallbackRequest().GetDueDate(); due != nil {
				d.late.add(arrival.Sub(due.AsTime()))
			}
			if !d.together {
				d.group.run(func() error { return d.call(ctx, lease.GetLeaseToken()) })
			}
		}
		if leases := leased.GetLeases(); d.together && len(leases) > 0 {
			d.group.run(func() error { return d.callTogether(ctx, leases) })
		}
	}
	return nil
}

// takeLines waits for a free line, and takes all that are free with it, up to what a poll may ask for.
func (d *dialing) takeLines(polling context.Context) (taken int) {
	select {
	case <-d.lines:
		taken++
	case <-polling.Done():
		return 0
	}
	for taken < mostLeases {
		select {
		case <-d.lines:
			taken++
		default:
			return taken
		}
	}
	return taken
}

// call has its target answer at once, and hang up.
func (d *dialing) call(ctx context.Context, token string) error {
	for _, progress := range steps {
		if _, err := d.client.ReportProgress(ctx, progressOf(token, progress)); err != nil {
			return err
		}
	}
	if _, err := d.client.ReportOutcome(ctx, outcomeOf(token)); err != nil {
		return err
	}
	d.end(1)
	return nil
}

// callTogether has the targets of all these leases answer at once, and hang up.
func (d *dialing) callTogether(ctx context.Context, leases []*ringbackv1.Lease) error {
	for _, progress := range steps {
		err := d.report(ctx, leases, func(token string) *ringbackv1.AttemptReport {
			return &ringbackv1.AttemptReport{Report: &ringbackv1.AttemptReport_Progress{Progress: progressOf(token, progress)}}
		})
		if err != nil {
			return err
		}
	}
	err := d.report(ctx, leases, func(token string) *ringbackv1.AttemptReport {
		return &ringbackv1.AttemptReport{Report: &ringbackv1.AttemptReport_Outcome{Outcome: outcomeOf(token)}}
	})
	if err != nil {
		return err
	}
	d.end(len(leases))
	return nil
}

// report makes one call of ReportAttempts, and fails when one of the reports is refused.
func (d *dialing) report(
	ctx context.Context, leases []*ringbackv1.Lease, of func(token string) *ringbackv1.AttemptReport,
) error {
	request := &ringbackv1.ReportAttemptsRequest{}
	for _, lease := range leases {
		request.Reports = append(request.Reports, of(lease.GetLeaseToken()))
	}
	response, err := d.client.ReportAttempts(ctx, request)
	if err != nil {
		return err
	}
	for _, result := range response.GetResults() {
		if refused := result.GetError(); refused != nil {
			return fmt.Errorf("a report was refused: %v", refused)
		}
	}
	return nil
}

// end frees the lines of so many calls.
func (d *dialing) end(calls int) {
	for range calls {
		d.lines <- struct{}{}
	}
	if d.ended.Add(int64(calls)) >= d.wanted {
		d.done()
	}
}

// steps are what a call is reported to have reached before its outcome.
var steps = []ringbackv1.AttemptProgress{
	ringbackv1.AttemptProgress_ATTEMPT_PROGRESS_DIALING,
	ringbackv1.AttemptProgress_ATTEMPT_PROGRESS_CONNECTED,
}

func progressOf(token string, progress ringbackv1.AttemptProgress) *ringbackv1.ReportProgressRequest {
	return &ringbackv1.ReportProgressRequest{LeaseToken: token, Progress: progress}
}

func outcomeOf(token string) *ringbackv1.ReportOutcomeRequest {
	return &ringbackv1.ReportOutcomeRequest{LeaseToken: token, Outcome: ringbackv1.CallOutcome_CALL_OUTCOME_ANSWERED}
}
