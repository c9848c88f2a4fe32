package ringback

import (
	"context"
	"fmt"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// WithToken sends "authorization: Bearer <token>" with every call. Dial refuses it together with WithPlainText,
// since others could read the token.
func WithToken(token string) grpc.DialOption {
	return grpc.WithPerRPCCredentials(bearer{token: token, onlyTLS: true})
}

// WithTokenFile sends the token in a file, as WithToken does. The file is read for each call, and each try of it, so
// a token that is renewed is used at once: replace the file by renaming another one to it. A call fails with
// UNAUTHENTICATED, and nothing is sent, while the file cannot be read or has no token.
func WithTokenFile(path string) grpc.DialOption {
	return grpc.WithPerRPCCredentials(bearer{path: path, onlyTLS: true})
}

// WithPlainTextToken is WithToken for any connection, also one without TLS: where only those can read the connection
// who may have the token, on the loopback interface or within a service mesh.
func WithPlainTextToken(token string) grpc.DialOption {
	return grpc.WithPerRPCCredentials(bearer{token: token})
}

// WithPlainTextTokenFile is WithTokenFile for any connection, as WithPlainTextToken is WithToken.
func WithPlainTextTokenFile(path string) grpc.DialOption {
	return grpc.WithPerRPCCredentials(bearer{path: path})
}

// bearer is a token, or the file that has it, as credentials of a call.
type bearer struct {
	token, path string
	onlyTLS     bool
}

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	token, err := b.current()
	if err != nil {
		return nil, status.Errorf(codes.Unauthenticated, "ringback: %v", err)
	}
	return map[string]string{"authorization": "Bearer " + token}, nil
}

func (b bearer) RequireTransportSecurity() bool { return b.onlyTLS }

func (b bearer) current() (string, error) {
	if b.path == "" {
		return b.token, check("the token", b.token)
	}
	content, err := os.ReadFile(b.path)
	if err != nil {
		return "", fmt.Errorf("the token file cannot be read: %w", err)
	}
	token := strings.TrimSpace(string(content))
	return token, check("the token in "+b.path, token)
}

// check refuses what no header can carry. Its error does not repeat the token.
func check(name, token string) error {
	switch {
	case token == "":
		return fmt.Errorf("%s is empty", name)
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("%s has characters that no header can carry", name)
	default:
		return nil
	}
}
