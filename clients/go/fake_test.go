package ringback

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	ringbackv1 "github.com/ringback/ringback/clients/go/ringback/v1"
)

// impatient lets time pass up to a hundred times faster.
var impatient = timing{
	firstDelay:   time.Millisecond,
	maxDelay:     50 * time.Millisecond,
	try:          100 * time.Millisecond,
	overall:      recommended.overall, // a test that needs as long has failed
	minHeartbeat: 30 * time.Millisecond,

	renewableAfter: recommended.renewableAfter,
}

type watchStream = grpc.ServerStreamingServer[ringbackv1.WatchCallbacksResponse]

// fake is a CallbacksService that does what its functions say.
type fake struct {
	ringbackv1.UnimplementedCallbacksServiceServer
	create func(context.Context, *ringbackv1.CreateCallbackRequest) (*ringbackv1.CreateCallbackResponse, error)
	get    func(context.Context, *ringbackv1.GetCallbackRequest) (*ringbackv1.GetCallbackResponse, error)
	watch  func(*ringbackv1.WatchCallbacksRequest, watchStream) error
}

func (f *fake) CreateCallback(
	ctx context.Context, request *ringbackv1.CreateCallbackRequest,
) (*ringbackv1.CreateCallbackResponse, error) {
	return f.create(ctx, request)
}

func (f *fake) GetCallback(
	ctx context.Context, request *ringbackv1.GetCallbackRequest,
) (*ringbackv1.GetCallbackResponse, error) {
	return f.get(ctx, request)
}

func (f *fake) WatchCallbacks(request *ringbackv1.WatchCallbacksRequest, stream watchStream) error {
	return f.watch(request, stream)
}

// serve runs f until the end of the test, and returns its address.
func serve(t *testing.T, f *fake, options ...grpc.ServerOption) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(options...)
	ringbackv1.RegisterCallbacksServiceServer(server, f)
	t.Cleanup(server.Stop)
	go server.Serve(listener)
	return listener.Addr().String()
}

// dial connects to address until the end of the test.
func dial(t *testing.T, address string, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := Dial(address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// connect serves f, and returns a client of it.
func connect(t *testing.T, f *fake, options ...grpc.DialOption) ringbackv1.CallbacksServiceClient {
	t.Helper()
	options = append([]grpc.DialOption{WithPlainText()}, options...)
	return ringbackv1.NewCallbacksServiceClient(dial(t, serve(t, f), options...))
}

// limitedFor is an error whose RetryInfo has this delay.
func limitedFor(delay time.Duration, code codes.Code) error {
	failure, err := status.New(code, "on purpose").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
	if err != nil {
		panic(err)
	}
	return failure.Err()
}
