package ringback

import (
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	ringbackv1 "github.com/ringback/ringback/clients/go/ringback/v1"
)

// domain is how Ringback marks its own errors.
const domain = "ringback.v1"

// ReasonOf returns why Ringback refused. It is ERROR_REASON_UNSPECIFIED for an error that does not come from
// Ringback itself (no connection, a deadline, a proxy), and for a reason that is newer than this package.
func ReasonOf(err error) ringbackv1.ErrorReason {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == domain {
			return ringbackv1.ErrorReason(ringbackv1.ErrorReason_value["ERROR_REASON_"+info.GetReason()])
		}
	}
	return ringbackv1.ErrorReason_ERROR_REASON_UNSPECIFIED
}

// ErrorOf returns the error of an item of BatchCreateCallbacks or ReportAttempts as the error that a call for that item
// alone would have returned. It is nil for an item that succeeded.
func ErrorOf(item *ringbackv1.Error) error {
	if item == nil {
		return nil
	}
	return status.FromProto(&spb.Status{Code: item.GetCode(), Message: item.GetMessage(), Details: item.GetDetails()}).Err()
}

// Violation is one fault of one field of a request.
type Violation struct {
	// Field is the path of the field from the request, such as "callback_request.due_date".
	Field string
	// Description says what is wrong with it. For people.
	Description string
}

// Violations returns what is wrong with the request, field by field. It is empty unless ReasonOf returns
// ERROR_REASON_INVALID_FIELD.
func Violations(err error) []Violation {
	var violations []Violation
	for _, detail := range status.Convert(err).Details() {
		if request, ok := detail.(*errdetails.BadRequest); ok {
			for _, fault := range request.GetFieldViolations() {
				violations = append(violations, Violation{fault.GetField(), fault.GetDescription()})
			}
		}
	}
	return violations
}

// longestLimit bounds what a server may impose: after it, another refusal costs little.
const longestLimit = time.Minute

// limitOf tells how long a limit of the server lasts, and whether that is the error: RESOURCE_EXHAUSTED is also the
// code of a message that is too large.
func limitOf(err error) (time.Duration, bool) {
	failure := status.Convert(err)
	if failure.Code() != codes.ResourceExhausted {
		return 0, false
	}
	for _, detail := range failure.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return min(max(info.GetRetryDelay().AsDuration(), 0), longestLimit), true
		}
	}
	return 0, false
}
