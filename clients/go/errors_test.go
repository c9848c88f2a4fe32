package ringback

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/anypb"

	ringbackv1 "github.com/ringback/ringback/clients/go/ringback/v1"
)

func failure(t *testing.T, code codes.Code, details ...protoadapt.MessageV1) error {
	t.Helper()
	failure, err := status.New(code, "on purpose").WithDetails(details...)
	if err != nil {
		t.Fatal(err)
	}
	return failure.Err()
}

func TestReasonAndViolationsOfARefusal(t *testing.T) {
	refusal := failure(t, codes.InvalidArgument,
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "callback_request.target", Description: "is required"},
			{Field: "callback_request.max_retries", Description: "-1 is not between 0 and 100"},
		}},
		&errdetails.ErrorInfo{Domain: "ringback.v1", Reason: "INVALID_FIELD"},
	)
	client := connect(t, &fake{get: func(
		context.Context, *ringbackv1.GetCallbackRequest,
	) (*ringbackv1.GetCallbackResponse, error) {
		return nil, refusal
	}})
	_, err := client.GetCallback(t.Context(), &ringbackv1.GetCallbackRequest{})
	for _, err := range []error{err, fmt.Errorf("wrapped: %w", err)} {
		if got := ReasonOf(err); got != ringbackv1.ErrorReason_ERROR_REASON_INVALID_FIELD {
			t.Errorf("got %v", got)
		}
		want := []Violation{
			{"callback_request.target", "is required"},
			{"callback_request.max_retries", "-1 is not between 0 and 100"},
		}
		if got := Violations(err); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

func TestTheErrorOfABatchItemIsReadAsThatOfACall(t *testing.T) {
	pack := func(message proto.Message) *anypb.Any {
		packed, err := anypb.New(message)
		if err != nil {
			t.Fatal(err)
		}
		return packed
	}
	item := &ringbackv1.CreateCallbackResult{Error: &ringbackv1.Error{
		Code:    int32(codes.InvalidArgument),
		Message: "callback_request.target: is required",
		Details: []*anypb.Any{
			pack(&errdetails.ErrorInfo{Domain: "ringback.v1", Reason: "INVALID_FIELD"}),
			pack(&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
				{Field: "callback_request.target", Description: "is required"},
			}}),
		},
	}}
	err := ErrorOf(item.GetError())
	if got := ReasonOf(err); got != ringbackv1.ErrorReason_ERROR_REASON_INVALID_FIELD {
		t.Errorf("got %v", got)
	}
	if got, want := Violations(err), []Violation{{"callback_request.target", "is required"}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	failure := status.Convert(err)
	if failure.Code() != codes.InvalidArgument || failure.Message() != item.GetError().GetMessage() {
		t.Errorf("got %v", err)
	}
	if err := ErrorOf((&ringbackv1.CreateCallbackResult{}).GetError()); err != nil {
		t.Errorf("an item without an error: got %v", err)
	}
}

func TestErrorsWithoutAReason(t *testing.T) {
	for name, err := range map[string]error{
		"no error":      nil,
		"not of gRPC":   errors.New("on purpose"),
		"no details":    failure(t, codes.Unavailable),
		"other domain":  failure(t, codes.NotFound, &errdetails.ErrorInfo{Domain: "x", Reason: "CALLBACK_NOT_FOUND"}),
		"newer than us": failure(t, codes.Aborted, &errdetails.ErrorInfo{Domain: "ringback.v1", Reason: "NEW"}),
	} {
		if got := ReasonOf(err); got != ringbackv1.ErrorReason_ERROR_REASON_UNSPECIFIED {
			t.Errorf("%s: got %v", name, got)
		}
		if got := Violations(err); len(got) != 0 {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
