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
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"os"
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
// (60 s for those for many callbacks, 75 s for LeaseCallbacks, 300 s for EraseTarget), also where ctx would allow more.
// It connects with the first call, and past the proxy of the environment to a Unix socket, this machine, and a private
// address.
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
	roots, err := poolOf(pem)
	if err != nil {
		return nil, err
	}
	return grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(roots, "")), nil
}

// TLSFiles names files in PEM.
type TLSFiles struct {
	// Roots are trusted instead of the system's, unless it is empty.
	Roots string
	// Certificate, with its chain, and Key are shown to the server (mTLS), unless both are empty.
	Certificate, Key string
}

// WithTLSFiles reads the files of a TLS connection. It takes the place of WithRoots where there is a client
// certificate. Certificate and key are read again for each new connection, so they may be renewed at any time.
func WithTLSFiles(files TLSFiles) (grpc.DialOption, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if files.Roots != "" {
		pem, err := os.ReadFile(files.Roots)
		if err != nil {
			return nil, fmt.Errorf("ringback: roots: %w", err)
		}
		if config.RootCAs, err = poolOf(pem); err != nil {
			return nil, err
		}
	}
	if files.Certificate != "" || files.Key != "" {
		read := func() (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(files.Certificate, files.Key)
			if err != nil {
				return nil, fmt.Errorf("ringback: client certificate: %w", err)
			}
			return &pair, nil
		}
		if _, err := read(); err != nil {
			return nil, err
		}
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return read() }
	}
	return grpc.WithTransportCredentials(credentials.NewTLS(config)), nil
}

func poolOf(pem []byte) (*x509.CertPool, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("ringback: no certificate in the PEM given as roots")
	}
	return roots, nil
}
