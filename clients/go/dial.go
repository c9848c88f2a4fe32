// Package ringback is what a client of Ringback needs besides the generated stubs in ringback/v1: connections,
// creating once, watching without a gap, and reading errors.
//
//	conn, err := ringback.Dial("ringback.example:443", ringback.WithToken(token))
//	callbacks := ringbackv1.NewCallbacksServiceClient(conn)
//	created, err := ringback.Create(ctx, callbacks, &ringbackv1.CreateCallbackRequest{...})
//	for response, err := range ringback.Watch(ctx, callbacks, &ringbackv1.WatchCallbacksRequest{...}) {
//		...
//	}
package ringback

import (
	"context"
	"crypto/x509"
	_ "embed"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// A copy of the repository's, made by `make stubs`: go:embed does not reach outside of the module.
//
//go:embed service_config.json
var serviceConfig string

// Dial makes a connection to target ("host:port", or any other name that gRPC resolves) with the recommended
// options: TLS with the system's roots, retries of UNAVAILABLE, keepalive, and an end after 10 s for every unary call
// (75 s for LeaseCallbacks), also where ctx would allow more. It connects with the first call, and past the proxy of the
// environment to a Unix socket, this machine, and a private address.
//
// Options of the caller come last and win: those of this package, and all of gRPC's.
func Dial(target string, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	// By default a connection that failed is tried again after up to two minutes.
	reconnect := backoff.DefaultConfig
	reconnect.BaseDelay, reconnect.MaxDelay = 100*time.Millisecond, time.Second
	recommended := []grpc.DialOption{
		grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(nil, "")),
		grpc.WithDefaultServiceConfig(serviceConfig),
		// Notice a dead connection, and keep NATs and proxies from dropping one that is only quiet. The server
		// permits a ping every 10 s.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time:                20 * time.Second,
			Timeout:             10 * time.Second,
			PermitWithoutStream: true,
		}),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnect, MinConnectTimeout: 20 * time.Second}),
	}
	if isLocal(target) {
		recommended = append(recommended, grpc.WithNoProxy())
	}
	return grpc.NewClient(target, append(recommended, options...)...)
}

// WithPlainText does without TLS, for a server on the same machine or behind a proxy.
func WithPlainText() grpc.DialOption {
	return grpc.WithTransportCredentials(insecure.NewCredentials())
}

// WithRoots trusts the certificates in pem instead of the system's roots. It fails when there are none.
func WithRoots(pem []byte) (grpc.DialOption, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("ringback: no certificate in the PEM given as roots")
	}
	return grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(roots, "")), nil
}

// WithToken sends "authorization: Bearer <token>" with every call. Dial refuses it together with WithPlainText,
// since others could read the token.
func WithToken(token string) grpc.DialOption {
	return grpc.WithPerRPCCredentials(bearer(token))
}

// bearer is a token as credentials of a call.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (bearer) RequireTransportSecurity() bool { return true }
