package ringback

import (
	"context"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	ringbackv1 "github.com/ringback/ringback/clients/go/ringback/v1"
)

// Create asks for one callback, once, however often it takes to get an answer: also over a restart of the server.
//
// A request with neither a request_id nor an external_task_id gets a random request_id; the caller's own message is
// left alone. When the answer to an earlier try was lost, `created` is false although the callback is new. What a limit
// refuses (RATE_LIMITED, QUOTA_EXCEEDED) is repeated after the time that the server names.
//
// It returns at once what the server refuses otherwise, also for CREDENTIALS_INVALID and NOT_ALLOWED. It tries, each time for 10 s at most, until the deadline of
// ctx, or for 30 s when there is none, and returns the last failure. All errors are gRPC statuses; see ReasonOf.
func Create(
	ctx context.Context, client ringbackv1.CallbacksServiceClient, request *ringbackv1.CreateCallbackRequest,
) (*ringbackv1.CreateCallbackResponse, error) {
	return recommended.create(ctx, client, request)
}

func (t timing) create(
	ctx context.Context, client ringbackv1.CallbacksServiceClient, request *ringbackv1.CreateCallbackRequest,
) (*ringbackv1.CreateCallbackResponse, error) {
	if request.GetRequestId() == "" && request.GetCallbackRequest().GetExternalTaskId() == "" {
		request = proto.CloneOf(request)
		request.RequestId = uuid.NewString()
	}
	deadline, limited := ctx.Deadline()
	if !limited {
		deadline = time.Now().Add(t.overall)
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	for failures := 1; ; failures++ {
		response, err := t.createOnce(ctx, client, request)
		limit, limited := limitOf(err)
		delay := t.delay(failures) + limit
		if !(limited || uncertain(err)) || ctx.Err() != nil || time.Until(deadline) <= delay {
			return response, err
		}
		wait(ctx, delay)
	}
}

func (t timing) createOnce(
	ctx context.Context, client ringbackv1.CallbacksServiceClient, request *ringbackv1.CreateCallbackRequest,
) (*ringbackv1.CreateCallbackResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, t.try)
	defer cancel()
	return client.CreateCallback(ctx, request)
}

// uncertain tells whether a try that ended so may have created the callback or not, and another may get through. A
// server that stops cancels what it can't finish.
func uncertain(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded:
		return true
	case codes.Canceled:
		return !closed(err)
	default:
		return false
	}
}
