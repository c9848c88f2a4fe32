package ringback

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	ringbackv1 "github.com/ringback/ringback/clients/go/ringback/v1"
)

const (
	// What the server makes of heartbeat_interval, as callbacks_service.proto says.
	defaultHeartbeat = 15 * time.Second
	maxHeartbeat     = 60 * time.Second
	// Two intervals make a silent connection suspect; the third is for slow networks and busy machines.
	silentIntervals = 3
)

// Watch watches callbacks for as long as the caller iterates, over broken connections and restarts of the server.
//
// Each new stream continues with the token of the last response whose turn of the loop was finished. So nothing is
// missed; the last events may come twice, and the larger `revision` wins. A connection that has been silent for
// three heartbeat intervals counts as broken. The first failure of each outage is logged as a warning, by slog.
//
// The server ends a stream with the credentials that opened it. After a minute or more a new one is tried, once, since a
// token file may have the next token.
//
// Break out of the loop to stop, or cancel ctx. The watch ends by itself only with an error, which comes once and
// last: what the server refuses for good (for example with ERROR_REASON_RESUME_TOKEN_EXPIRED, CREDENTIALS_INVALID or
// NOT_ALLOWED), the error of ctx, or that the connection was closed.
func Watch(
	ctx context.Context, client ringbackv1.CallbacksServiceClient, request *ringbackv1.WatchCallbacksRequest,
) iter.Seq2[*ringbackv1.WatchCallbacksResponse, error] {
	return recommended.watch(ctx, client, request)
}

func (t timing) watch(
	ctx context.Context, client ringbackv1.CallbacksServiceClient, request *ringbackv1.WatchCallbacksRequest,
) iter.Seq2[*ringbackv1.WatchCallbacksResponse, error] {
	return func(yield func(*ringbackv1.WatchCallbacksResponse, error) bool) {
		request := proto.CloneOf(request)
		failures := 0
		for {
			fault := errors.New("the stream ended before its first response")
			var accepted time.Time // when the first response came
			for response, err := range t.stream(ctx, client, request) {
				if err != nil {
					fault = err
					break
				}
				if accepted.IsZero() {
					accepted = time.Now()
				}
				if !yield(response, nil) {
					return
				}
				request.ResumeToken = response.GetResumeToken()
				fault, failures = nil, 0
			}
			switch {
			case ctx.Err() != nil:
				yield(nil, ctx.Err())
				return
			case final(fault) && !t.renewable(fault, accepted):
				yield(nil, fault)
				return
			case fault != nil:
				failures++
				logOutage(ctx, failures, fault)
				limit, _ := limitOf(fault)
				wait(ctx, t.delay(failures)+limit)
			}
		}
	}
}

// stream is one stream: its responses, and then its error unless it ended OK.
func (t timing) stream(
	ctx context.Context, client ringbackv1.CallbacksServiceClient, request *ringbackv1.WatchCallbacksRequest,
) iter.Seq2[*ringbackv1.WatchCallbacksResponse, error] {
	return func(yield func(*ringbackv1.WatchCallbacksResponse, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		silence := silentIntervals * t.heartbeat(request)
		// Runs while we listen, and not while the caller is busy with a response.
		silent := time.AfterFunc(silence, func() { cancel(fmt.Errorf("nothing heard for %v", silence)) })
		defer silent.Stop()
		stream, err := client.WatchCallbacks(ctx, request)
		for err == nil {
			var response *ringbackv1.WatchCallbacksResponse
			if response, err = stream.Recv(); err == nil {
				silent.Stop()
				if !yield(response, nil) {
					return
				}
				silent.Reset(silence)
			}
		}
		if cause := context.Cause(ctx); cause != nil {
			err = cause // gRPC only says that it was cancelled
		}
		if !errors.Is(err, io.EOF) {
			yield(nil, err)
		}
	}
}

// heartbeat is how often the server will send something.
func (t timing) heartbeat(request *ringbackv1.WatchCallbacksRequest) time.Duration {
	if request.GetHeartbeatInterval() == nil {
		return defaultHeartbeat
	}
	return min(max(request.GetHeartbeatInterval().AsDuration(), t.minHeartbeat), maxHeartbeat)
}

// logOutage says once for each outage, however long it lasts, that there is one.
func logOutage(ctx context.Context, failures int, fault error) {
	level := slog.LevelDebug
	if failures == 1 {
		level = slog.LevelWarn
	}
	slog.Log(ctx, level, "watch interrupted, resuming", "fault", fault)
}

// renewable tells whether the credentials of a stream have ended so long after they were accepted that there may be
// new ones.
func (t timing) renewable(fault error, accepted time.Time) bool {
	return status.Code(fault) == codes.Unauthenticated && !accepted.IsZero() && time.Since(accepted) >= t.renewableAfter
}

// final tells whether the same request would only be refused again.
func final(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.NotFound, codes.OutOfRange,
		codes.PermissionDenied, codes.Unauthenticated, codes.Unimplemented:
		return true
	default:
		return closed(err)
	}
}
