package ringback

import (
	"context"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	ringbackv1 "github.com/ringback/ringback/clients/go/ringback/v1"
)

// getting is a fake that answers every GetCallback, after calling inspect.
func getting(inspect func(context.Context) error) *fake {
	return &fake{get: func(
		ctx context.Context, _ *ringbackv1.GetCallbackRequest,
	) (*ringbackv1.GetCallbackResponse, error) {
		return &ringbackv1.GetCallbackResponse{}, inspect(ctx)
	}}
}

// serveTLS runs f with a self-signed certificate, and returns its address and the certificate as PEM.
func serveTLS(t *testing.T, f *fake) (string, []byte) {
	t.Helper()
	certified := httptest.NewTLSServer(nil) // brings a certificate for 127.0.0.1
	defer certified.Close()
	address := serve(t, f, grpc.Creds(credentials.NewServerTLSFromCert(&certified.TLS.Certificates[0])))
	return address, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certified.Certificate().Raw})
}

func TestWithoutOptionsTheServerMustBeTrustedByTheSystem(t *testing.T) {
	address, _ := serveTLS(t, getting(func(context.Context) error { return nil }))
	client := ringbackv1.NewCallbacksServiceClient(dial(t, address, grpc.WithDisableRetry()))
	_, err := client.GetCallback(t.Context(), &ringbackv1.GetCallbackRequest{})
	if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v", err)
	}
}

func TestRootsWithoutACertificate(t *testing.T) {
	if _, err := WithRoots([]byte("not PEM")); err == nil {
		t.Error("WithRoots took what is no certificate")
	}
}

func TestTheServiceConfigRepeatsUnavailable(t *testing.T) {
	calls := 0
	client := connect(t, getting(func(context.Context) error {
		if calls++; calls == 1 {
			return status.Error(codes.Unavailable, "on purpose")
		}
		return nil
	}))
	if _, err := client.GetCallback(t.Context(), &ringbackv1.GetCallbackRequest{}); err != nil {
		t.Fatal(err)
	}
	if calls != 2 {
		t.Errorf("%d calls, want 2", calls)
	}
}

func TestTheServiceConfigIsTheRepositorys(t *testing.T) {
	original, err := os.ReadFile("../../src/ringback/service_config.json")
	if err != nil {
		t.Fatal(err)
	}
	if serviceConfig != string(original) {
		t.Error("service_config.json is out of date: run `make stubs`")
	}
}

func TestWhatAServerThatStopsCancelsIsRepeated(t *testing.T) {
	var calls atomic.Int32
	address := serve(t, getting(func(context.Context) error {
		if calls.Add(1) <= 2 {
			return status.Error(codes.Canceled, "on purpose")
		}
		return nil
	}))
	client := ringbackv1.NewCallbacksServiceClient(dial(t, address, WithPlainText()))
	if _, err := client.GetCallback(t.Context(), &ringbackv1.GetCallbackRequest{}); err != nil {
		t.Error(err)
	}
}

func TestACallThatTheClientCancelsIsNotRepeated(t *testing.T) {
	calls := make(chan struct{}, 10)
	address := serve(t, getting(func(ctx context.Context) error {
		calls <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}))
	client := ringbackv1.NewCallbacksServiceClient(dial(t, address, WithPlainText()))
	for range 2 { // the second one comes after any repetition of the first
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-calls
			cancel()
		}()
		if _, err := client.GetCallback(ctx, &ringbackv1.GetCallbackRequest{}); status.Code(err) != codes.Canceled {
			t.Errorf("got %v", err)
		}
	}
	if left := len(calls); left != 0 {
		t.Errorf("the server got %d calls more than the client made", left)
	}
}
