package ringback

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	ringbackv1 "github.com/ringback/ringback/clients/go/ringback/v1"
)

// answerNext sends one response, whose token is longer by one than the one that the stream resumed from. So the
// tokens that a watch has got tell which ones it has resumed from.
func answerNext(request *ringbackv1.WatchCallbacksRequest, stream watchStream) error {
	return stream.Send(&ringbackv1.WatchCallbacksResponse{ResumeToken: request.GetResumeToken() + "+"})
}

func fallSilent(stream watchStream) error {
	<-stream.Context().Done()
	return nil
}

func fail(code codes.Code) func(watchStream) error {
	return func(watchStream) error { return status.Error(code, "on purpose") }
}

// answering is a fake each of whose streams answers once, and then ends as it is told.
func answering(end func(watchStream) error) *fake {
	return &fake{watch: func(request *ringbackv1.WatchCallbacksRequest, stream watchStream) error {
		if err := answerNext(request, stream); err != nil {
			return err
		}
		return end(stream)
	}}
}

func TestWatchResumesWhereItWas(t *testing.T) {
	for name, end := range map[string]func(watchStream) error{
		"OK":                  func(watchStream) error { return nil },
		"silence":             fallSilent,
		"UNAVAILABLE":         fail(codes.Unavailable),
		"INTERNAL":            fail(codes.Internal),
		"RESOURCE_EXHAUSTED":  fail(codes.ResourceExhausted),
		"CANCELLED by server": fail(codes.Canceled),
	} {
		t.Run(name, func(t *testing.T) {
			client := connect(t, answering(end))
			request := &ringbackv1.WatchCallbacksRequest{HeartbeatInterval: durationpb.New(0)}
			var tokens []string
			for response, err := range impatient.watch(t.Context(), client, request) {
				if err != nil {
					t.Fatal(err)
				}
				tokens = append(tokens, response.GetResumeToken())
				if len(tokens) == 3 {
					break
				}
			}
			if want := []string{"+", "++", "+++"}; !slices.Equal(tokens, want) {
				t.Errorf("got the tokens %q, want %q", tokens, want)
			}
			if request.GetResumeToken() != "" {
				t.Error("the caller's request was changed")
			}
		})
	}
}

func TestWatchGoesOnAfterAStreamWithoutResponses(t *testing.T) {
	var streams atomic.Int32
	client := connect(t, &fake{watch: func(request *ringbackv1.WatchCallbacksRequest, stream watchStream) error {
		if streams.Add(1) <= 3 {
			return nil
		}
		return answerNext(request, stream)
	}})
	for response, err := range impatient.watch(t.Context(), client, &ringbackv1.WatchCallbacksRequest{}) {
		if err != nil || response.GetResumeToken() != "+" {
			t.Errorf("got %v, %v", response, err)
		}
		break
	}
	if streams.Load() != 4 {
		t.Errorf("%d streams, want 4", streams.Load())
	}
}

func TestWatchGivesFinalErrorsToTheCaller(t *testing.T) {
	for _, code := range []codes.Code{
		codes.InvalidArgument, codes.NotFound, codes.OutOfRange,
		codes.PermissionDenied, codes.Unauthenticated, codes.Unimplemented,
	} {
		t.Run(code.String(), func(t *testing.T) {
			client := connect(t, answering(fail(code)))
			var got []codes.Code
			for _, err := range impatient.watch(t.Context(), client, &ringbackv1.WatchCallbacksRequest{}) {
				got = append(got, status.Code(err))
			}
			if want := []codes.Code{codes.OK, code}; !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestWatchWaitsForALimit(t *testing.T) {
	limit := limitedFor(20*time.Millisecond, codes.ResourceExhausted)
	client := connect(t, answering(func(watchStream) error { return limit }))
	var came []time.Time
	for _, err := range impatient.watch(t.Context(), client, &ringbackv1.WatchCallbacksRequest{}) {
		if err != nil {
			t.Fatal(err)
		}
		if came = append(came, time.Now()); len(came) == 2 {
			break
		}
	}
	if waited := came[1].Sub(came[0]); waited < 20*time.Millisecond {
		t.Errorf("waited for %v only", waited)
	}
}

func TestWatchGoesOnWithTheNextTokenOnce(t *testing.T) {
	renewing := impatient
	renewing.renewableAfter = 0
	var streams atomic.Int32
	client := connect(t, &fake{watch: func(request *ringbackv1.WatchCallbacksRequest, stream watchStream) error {
		if streams.Add(1) <= 2 { // the token of the third is refused
			if err := answerNext(request, stream); err != nil {
				return err
			}
		}
		return status.Error(codes.Unauthenticated, "on purpose")
	}})
	var tokens []string
	var last error
	for response, err := range renewing.watch(t.Context(), client, &ringbackv1.WatchCallbacksRequest{}) {
		if last = err; err == nil {
			tokens = append(tokens, response.GetResumeToken())
		}
	}
	if want := []string{"+", "++"}; !slices.Equal(tokens, want) || status.Code(last) != codes.Unauthenticated {
		t.Errorf("got the tokens %q, and ended with %v", tokens, last)
	}
	if streams.Load() != 3 {
		t.Errorf("%d streams, want 3", streams.Load())
	}
}

func TestLeavingTheLoopCancelsTheStream(t *testing.T) {
	cancelled := make(chan struct{})
	client := connect(t, answering(func(stream watchStream) error {
		<-stream.Context().Done()
		close(cancelled)
		return nil
	}))
	for _, err := range Watch(t.Context(), client, &ringbackv1.WatchCallbacksRequest{}) {
		if err != nil {
			t.Error(err)
		}
		break
	}
	<-cancelled
}

func TestWatchEndsWithItsContext(t *testing.T) {
	client := connect(t, answering(fallSilent))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range Watch(ctx, client, &ringbackv1.WatchCallbacksRequest{}) {
		last = err
		cancel()
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("ended with %v", last)
	}
}

func TestWatchEndsWithItsConnection(t *testing.T) {
	conn := dial(t, serve(t, answering(fallSilent)), WithPlainText())
	client := ringbackv1.NewCallbacksServiceClient(conn)
	var last error
	for _, err := range impatient.watch(t.Context(), client, &ringbackv1.WatchCallbacksRequest{}) {
		last = err
		conn.Close()
	}
	if status.Code(last) != codes.Canceled {
		t.Errorf("ended with %v", last)
	}
}

func TestHeartbeat(t *testing.T) {
	for asked, want := range map[*durationpb.Duration]time.Duration{
		nil:                              15 * time.Second,
		durationpb.New(5 * time.Second):  5 * time.Second,
		durationpb.New(time.Hour):        time.Minute,
		durationpb.New(-1 * time.Second): time.Second,
	} {
		request := &ringbackv1.WatchCallbacksRequest{HeartbeatInterval: asked}
		if got := recommended.heartbeat(request); got != want {
			t.Errorf("%v: got %v, want %v", asked, got, want)
		}
	}
}

func TestDelaysDoubleAndAreJittered(t *testing.T) {
	for failures, limit := range map[int]time.Duration{
		1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 6: 3200 * time.Millisecond,
		7: 5 * time.Second, 100_000: 5 * time.Second,
	} {
		if got := recommended.delay(failures); got < limit/2 || got > limit {
			t.Errorf("%d failures: %v is not between %v and %v", failures, got, limit/2, limit)
		}
	}
}
