package ringback

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	ringbackv1 "github.com/ringback/ringback/clients/go/ringback/v1"
)

// creating is a fake that does to each create the next thing of its script, and the last one again and again. It
// notes the requests that it got.
type creating struct {
	fake
	mu       sync.Mutex
	requests []*ringbackv1.CreateCallbackRequest
}

type answer = func(context.Context) (*ringbackv1.CreateCallbackResponse, error)

func newCreating(script ...answer) *creating {
	c := &creating{}
	c.create = func(
		ctx context.Context, request *ringbackv1.CreateCallbackRequest,
	) (*ringbackv1.CreateCallbackResponse, error) {
		c.mu.Lock()
		next := script[min(len(c.requests), len(script)-1)]
		c.requests = append(c.requests, request)
		c.mu.Unlock()
		return next(ctx)
	}
	return c
}

func created(context.Context) (*ringbackv1.CreateCallbackResponse, error) {
	return &ringbackv1.CreateCallbackResponse{Created: true}, nil
}

func refused(code codes.Code) answer {
	return failing(status.Error(code, "on purpose"))
}

func failing(err error) answer {
	return func(context.Context) (*ringbackv1.CreateCallbackResponse, error) { return nil, err }
}

func hanging(ctx context.Context) (*ringbackv1.CreateCallbackResponse, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestCreateRepeatsTheSameRequest(t *testing.T) {
	f := newCreating(refused(codes.Unavailable), refused(codes.Canceled), hanging, created)
	// What the service config repeats would not come back to Create.
	client := connect(t, &f.fake, grpc.WithDisableRetry())
	request := &ringbackv1.CreateCallbackRequest{
		CallbackRequest: &ringbackv1.CallbackRequest{Target: "sip:answer@sim.example"},
	}
	response, err := impatient.create(t.Context(), client, request)
	if err != nil || !response.GetCreated() {
		t.Fatalf("got %v, %v", response, err)
	}
	if len(f.requests) < 4 {
		t.Fatalf("tried %d times, want 4", len(f.requests))
	}
	if err := uuid.Validate(f.requests[0].GetRequestId()); err != nil {
		t.Error(err)
	}
	for _, repeated := range f.requests[1:] {
		if !proto.Equal(repeated, f.requests[0]) {
			t.Errorf("%v was repeated as %v", f.requests[0], repeated)
		}
	}
	if request.GetRequestId() != "" {
		t.Error("the caller's request was changed")
	}
}

func TestCreateKeepsTheIDOfTheCaller(t *testing.T) {
	for name, request := range map[string]*ringbackv1.CreateCallbackRequest{
		"request_id":       {RequestId: "7c0f1c2c-5f4f-4f0e-9f3a-2f3f1f0a9b11"},
		"external_task_id": {CallbackRequest: &ringbackv1.CallbackRequest{ExternalTaskId: "4711"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newCreating(created)
			if _, err := Create(t.Context(), connect(t, &f.fake), request); err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(f.requests[0], request) {
				t.Errorf("%v was sent as %v", request, f.requests[0])
			}
		})
	}
}

func TestCreateDoesNotRepeatWhatIsRefused(t *testing.T) {
	for name, refusal := range map[codes.Code]error{
		codes.AlreadyExists:    status.Error(codes.AlreadyExists, "on purpose"),
		codes.Unauthenticated:  status.Error(codes.Unauthenticated, "on purpose"),
		codes.PermissionDenied: limitedFor(0, codes.PermissionDenied),
		// Not of a limit: a message that is too large.
		codes.ResourceExhausted: status.Error(codes.ResourceExhausted, "on purpose"),
	} {
		t.Run(name.String(), func(t *testing.T) {
			f := newCreating(failing(refusal), created)
			_, err := Create(t.Context(), connect(t, &f.fake), &ringbackv1.CreateCallbackRequest{})
			if status.Code(err) != name || len(f.requests) != 1 {
				t.Errorf("got %v after %d tries", err, len(f.requests))
			}
		})
	}
}

func TestCreateRepeatsWhatALimitRefuses(t *testing.T) {
	limit := failing(limitedFor(time.Millisecond, codes.ResourceExhausted))
	f := newCreating(limit, limit, created)
	if _, err := impatient.create(t.Context(), connect(t, &f.fake), &ringbackv1.CreateCallbackRequest{}); err != nil {
		t.Fatal(err)
	}
	if len(f.requests) != 3 || !proto.Equal(f.requests[0], f.requests[2]) {
		t.Errorf("sent %v", f.requests)
	}
}

func TestCreateDoesNotWaitForALimitThatOutlastsIt(t *testing.T) {
	f := newCreating(failing(limitedFor(time.Hour, codes.ResourceExhausted)), created)
	_, err := Create(t.Context(), connect(t, &f.fake), &ringbackv1.CreateCallbackRequest{})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("got %v", err)
	}
}

func TestLimits(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{
		-time.Second: 0, 0: 0, 7500 * time.Millisecond: 7500 * time.Millisecond, 1000 * time.Hour: time.Minute,
	} {
		if got, ok := limitOf(limitedFor(asked, codes.ResourceExhausted)); got != want || !ok {
			t.Errorf("%v: got %v, %v, want %v", asked, got, ok, want)
		}
	}
}

func TestCreateGivesUpWithTheLastFailure(t *testing.T) {
	f := newCreating(refused(codes.Unavailable))
	patient := impatient
	patient.firstDelay, patient.maxDelay = time.Hour, time.Hour // a second try would come after any deadline
	client := connect(t, &f.fake, grpc.WithDisableRetry())
	_, err := patient.create(t.Context(), client, &ringbackv1.CreateCallbackRequest{})
	if status.Code(err) != codes.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestCreateStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := newCreating(func(ctx context.Context) (*ringbackv1.CreateCallbackResponse, error) {
		cancel()
		return hanging(ctx)
	})
	_, err := Create(ctx, connect(t, &f.fake), &ringbackv1.CreateCallbackRequest{})
	if status.Code(err) != codes.Canceled {
		t.Errorf("got %v", err)
	}
}
