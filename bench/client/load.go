package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	ringbackv1 "github.com/ringback/ringback/clients/go/ringback/v1"
)

// patience is for how long calls may go on when the time is over.
const patience = time.Minute

// loading is what has to be created, and where.
type loading struct {
	service  string
	batch    int
	due      time.Duration
	duration time.Duration
	count    int64
	conn     *grpc.ClientConn // one for all calls: several are no faster, neither for an echo nor for Ringback
	begun    atomic.Int64     // calls
	number   atomic.Int64     // of the newest callback
	calls    timings
}

// load creates callbacks with `-in-flight` calls at a time, or `-rate` a second at random moments whatever the answers
// take, and prints how long they took. It begins no more calls after `-duration` or `-count`, and waits for those that
// it has begun.
func load(args []string) error {
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	address := flags.String("address", "", "HOST:PORT of the server")
	inFlight := flags.Int("in-flight", 1, "calls at a time")
	rate := flags.Float64("rate", 0, "calls a second on average, instead of -in-flight")
	l := &loading{}
	token := flags.String("token", "", "bearer token that goes with each call; none when empty")
	flags.StringVar(&l.service, "service", "", "UUID of the service to call for")
	flags.IntVar(&l.batch, "batch", 0, "callbacks in a call of BatchCreateCallbacks; 0 for calls of CreateCallback")
	flags.DurationVar(&l.due, "due", 0, "from the moment of the request to the due date; 0 for none")
	flags.DurationVar(&l.duration, "duration", time.Second, "for how long calls are begun")
	flags.Int64Var(&l.count, "count", math.MaxInt64, "calls to begin at most")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var err error
	if l.conn, err = dialRaw(*address); err != nil {
		return err
	}
	defer l.conn.Close()
	// One after the other on this machine, no two runs use the same numbers: none makes a million in a second.
	begun := time.Now()
	l.number.Store(begun.UnixMicro())

	ctx, cancel := context.WithTimeout(context.Background(), l.duration+patience)
	defer cancel()
	ctx = withToken(ctx, *token)
	if *rate > 0 {
		err = l.atRate(ctx, *rate)
	} else {
		err = l.keepInFlight(ctx, *inFlight)
	}
	if err != nil {
		return err
	}
	return show(struct {
		Span
		Latency
		Callbacks int `json:"callbacks"`
	}{spanSince(begun), l.calls.latency(), l.calls.count() * max(l.batch, 1)})
}

// keepInFlight begins a call whenever one has ended.
func (l *loading) keepInFlight(ctx context.Context, calls int) error {
	begun := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group := failing{stop: cancel}
	for range calls {
		group.run(func() error {
			for time.Since(begun) < l.duration && l.begun.Add(1) <= l.count {
				if err := l.call(ctx, time.Now()); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.wait()
}

// atRate begins calls at moments that know nothing of each other, as those of many clients do. Due dates count
// from these moments, even where a call is begun late.
func (l *loading) atRate(ctx context.Context, rate float64) error {
	random := rand.New(rand.NewPCG(1, 2)) // the same moments in each run
	moment := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group := failing{stop: cancel}
	for range int(rate * l.duration.Seconds()) {
		moment = moment.Add(time.Duration(random.ExpFloat64() / rate * float64(time.Second)))
		time.Sleep(time.Until(moment))
		at := moment
		group.run(func() error { return l.call(ctx, at) })
	}
	return group.wait()
}

func (l *loading) call(ctx context.Context, at time.Time) error {
	method, body, err := l.request(at)
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := l.conn.Invoke(ctx, method, body, nil); err != nil {
		return err
	}
	l.calls.add(time.Since(begun))
	return nil
}

// request makes the bytes of one call.
func (l *loading) request(at time.Time) (method string, body []byte, err error) {
	if l.batch == 0 {
		body, err = proto.Marshal(l.create(at))
		return ringbackv1.CallbacksService_CreateCallback_FullMethodName, body, err
	}
	batch := &ringbackv1.BatchCreateCallbacksRequest{}
	for range l.batch {
		batch.Requests = append(batch.Requests, l.create(at))
	}
	body, err = proto.Marshal(batch)
	return ringbackv1.CallbacksService_BatchCreateCallbacks_FullMethodName, body, err
}

// create asks for a callback as a CRM might: 300 bytes, with a target and an id of its own.
func (l *loading) create(at time.Time) *ringbackv1.CreateCallbackRequest {
	number := l.number.Add(1)
	request := &ringbackv1.CallbackRequest{
		Target:                fmt.Sprintf("sip:answer@%d.example", number),
		Service:               &ringbackv1.CallbackRequest_ServiceId{ServiceId: l.service},
		SecondsBetweenRetries: proto.Int32(60),
		Priority:              ringbackv1.Priority_PRIORITY_NORMAL,
		ContextUrl:            fmt.Sprintf("https://crm.example/cases/%d", number),
		Description:           "Wants to know where the order is, and whether it can still be changed",
		ExternalTaskId:        fmt.Sprintf("task-%d", number),
		CallerId:              "crm",
		IncomingServiceSipUri: fmt.Sprintf("sip:support@cc.example;session=%d", number),
		Supervisor:            "anna.muster",
	}
	if l.due != 0 {
		request.DueDate = timestamppb.New(at.Add(l.due))
	}
	return &ringbackv1.CreateCallbackRequest{CallbackRequest: request}
}
