package main

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	ringback "github.com/ringback/ringback/clients/go"
	ringbackv1 "github.com/ringback/ringback/clients/go/ringback/v1"
)

// method is a unary call with serialized messages.
type method func(ctx context.Context, request []byte) (response []byte, err error)

// unary makes a method of a call of a generated client, or of a helper that has the form of one.
func unary[Request, Response proto.Message](
	call func(context.Context, Request, ...grpc.CallOption) (Response, error),
) method {
	return func(ctx context.Context, data []byte) ([]byte, error) {
		var none Request
		request := none.ProtoReflect().New().Interface().(Request)
		if err := proto.Unmarshal(data, request); err != nil {
			return nil, err
		}
		response, err := call(ctx, request)
		if err != nil {
			return nil, err
		}
		return proto.Marshal(response)
	}
}

// methodsOf has all unary calls of all services, by their full names.
func methodsOf(conn grpc.ClientConnInterface) map[string]method {
	callbacks := ringbackv1.NewCallbacksServiceClient(conn)
	dialer := ringbackv1.NewDialerServiceClient(conn)
	directory := ringbackv1.NewDirectoryServiceClient(conn)
	return map[string]method{
		ringbackv1.CallbacksService_CreateCallback_FullMethodName:       unary(callbacks.CreateCallback),
		ringbackv1.CallbacksService_BatchCreateCallbacks_FullMethodName: unary(callbacks.BatchCreateCallbacks),
		ringbackv1.CallbacksService_GetCallback_FullMethodName:          unary(callbacks.GetCallback),
		ringbackv1.CallbacksService_ListCallbacks_FullMethodName:        unary(callbacks.ListCallbacks),
		ringbackv1.CallbacksService_CountCallbacks_FullMethodName:       unary(callbacks.CountCallbacks),
		ringbackv1.CallbacksService_ListCallbackEvents_FullMethodName:   unary(callbacks.ListCallbackEvents),
		ringbackv1.CallbacksService_GetCallTrace_FullMethodName:         unary(callbacks.GetCallTrace),
		ringbackv1.CallbacksService_CancelCallback_FullMethodName:       unary(callbacks.CancelCallback),
		ringbackv1.CallbacksService_UpdateCallback_FullMethodName:       unary(callbacks.UpdateCallback),
		ringbackv1.CallbacksService_ResolveCallbacks_FullMethodName:     unary(callbacks.ResolveCallbacks),
		ringbackv1.DialerService_LeaseCallbacks_FullMethodName:          unary(dialer.LeaseCallbacks),
		ringbackv1.DialerService_ExtendLeases_FullMethodName:            unary(dialer.ExtendLeases),
		ringbackv1.DialerService_ReportProgress_FullMethodName:          unary(dialer.ReportProgress),
		ringbackv1.DialerService_ReportOutcome_FullMethodName:           unary(dialer.ReportOutcome),
		ringbackv1.DialerService_ReportAttempts_FullMethodName:          unary(dialer.ReportAttempts),
		ringbackv1.DialerService_ReleaseLeases_FullMethodName:           unary(dialer.ReleaseLeases),
		ringbackv1.DirectoryService_ListServices_FullMethodName:         unary(directory.ListServices),
		ringbackv1.DirectoryService_GetService_FullMethodName:           unary(directory.GetService),
		ringbackv1.DirectoryService_CreateService_FullMethodName:        unary(directory.CreateService),
		ringbackv1.DirectoryService_UpdateService_FullMethodName:        unary(directory.UpdateService),
		ringbackv1.DirectoryService_DeleteService_FullMethodName:        unary(directory.DeleteService),
		ringbackv1.DirectoryService_GetQueue_FullMethodName:             unary(directory.GetQueue),
		ringbackv1.DirectoryService_GetOutcomes_FullMethodName:          unary(directory.GetOutcomes),
		ringbackv1.DirectoryService_GetIdentity_FullMethodName:          unary(directory.GetIdentity),
		ringbackv1.DirectoryService_EraseTarget_FullMethodName:          unary(directory.EraseTarget),
	}
}

// create is the helper in the form of a generated call.
func (d *driver) create(
	ctx context.Context, request *ringbackv1.CreateCallbackRequest, _ ...grpc.CallOption,
) (*ringbackv1.CreateCallbackResponse, error) {
	return ringback.Create(ctx, d.callbacks, request)
}
