package main

import (
	"strings"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/status"

	ringback "github.com/ringback/ringback/clients/go"
	ringbackv1 "github.com/ringback/ringback/clients/go/ringback/v1"
)

// answer is one line of output.
type answer struct {
	ID       int    `json:"id"`
	Code     string `json:"code,omitempty"`
	Response []byte `json:"response,omitzero"`
	*refusal
}

// refusal is what an answer has only for an error.
type refusal struct {
	Reason     string      `json:"reason"`
	Message    string      `json:"message"`
	Violations [][2]string `json:"violations"`
}

func refused(id int, err error) answer {
	violations := [][2]string{}
	for _, violation := range ringback.Violations(err) {
		violations = append(violations, [2]string{violation.Field, violation.Description})
	}
	reason := ""
	if found := ringback.ReasonOf(err); found != ringbackv1.ErrorReason_ERROR_REASON_UNSPECIFIED {
		reason = strings.TrimPrefix(found.String(), "ERROR_REASON_")
	}
	failure := status.Convert(err)
	// gRPC for Go spells its codes in another way: NotFound.
	name := code.Code(failure.Code()).String()
	return answer{ID: id, Code: name, refusal: &refusal{reason, failure.Message(), violations}}
}
