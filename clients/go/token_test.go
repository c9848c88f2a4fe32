package ringback

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	ringbackv1 "github.com/ringback/ringback/clients/go/ringback/v1"
)

// noting is a fake that keeps the authorization of each call.
func noting(seen *[]string) *fake {
	return getting(func(ctx context.Context) error {
		*seen = append(*seen, strings.Join(metadata.ValueFromIncomingContext(ctx, "authorization"), ", "))
		return nil
	})
}

func get(t *testing.T, conn *grpc.ClientConn) error {
	t.Helper()
	_, err := ringbackv1.NewCallbacksServiceClient(conn).GetCallback(t.Context(), &ringbackv1.GetCallbackRequest{})
	return err
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestATokenGoesOverTLS(t *testing.T) {
	var seen []string
	address, certificate := serveTLS(t, noting(&seen))
	roots, err := WithRoots(certificate)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "token")
	write(t, file, "in-a-file\n")
	for _, token := range []grpc.DialOption{WithToken("s3cret"), WithTokenFile(file), WithPlainTextToken("plain")} {
		if err := get(t, dial(t, address, roots, token)); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"Bearer s3cret", "Bearer in-a-file", "Bearer plain"}; !slices.Equal(seen, want) {
		t.Errorf("the server got %q, want %q", seen, want)
	}
}

func TestATokenGoesOverPlainTextOnlyWhereThatIsSaid(t *testing.T) {
	var seen []string
	address := serve(t, noting(&seen))
	file := filepath.Join(t.TempDir(), "token")
	write(t, file, "in-a-file")
	for _, token := range []grpc.DialOption{WithToken("s3cret"), WithTokenFile(file)} {
		if conn, err := Dial(address, token, WithPlainText()); err == nil {
			conn.Close()
			t.Error("Dial took a token for plain text")
		}
	}
	for _, token := range []grpc.DialOption{WithPlainTextToken("s3cret"), WithPlainTextTokenFile(file)} {
		if err := get(t, dial(t, address, token, WithPlainText())); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"Bearer s3cret", "Bearer in-a-file"}; !slices.Equal(seen, want) {
		t.Errorf("the server got %q, want %q", seen, want)
	}
}

func TestATokenFileIsReadForEachCall(t *testing.T) {
	var seen []string
	file := filepath.Join(t.TempDir(), "token")
	conn := dial(t, serve(t, noting(&seen)), WithPlainText(), WithPlainTextTokenFile(file))
	for _, token := range []string{"first", "  second\r\n"} {
		write(t, file, token)
		if err := get(t, conn); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"Bearer first", "Bearer second"}; !slices.Equal(seen, want) {
		t.Errorf("the server got %q, want %q", seen, want)
	}
}

func TestEachTryOfACallHasTheTokenOfItsMoment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write(t, file, "first")
	var seen []string
	address := serve(t, getting(func(ctx context.Context) error {
		seen = append(seen, metadata.ValueFromIncomingContext(ctx, "authorization")...)
		if len(seen) > 1 {
			return nil
		}
		write(t, file, "second")
		return status.Error(codes.Unavailable, "on purpose")
	}))
	if err := get(t, dial(t, address, WithPlainText(), WithPlainTextTokenFile(file))); err != nil {
		t.Fatal(err)
	}
	if want := []string{"Bearer first", "Bearer second"}; !slices.Equal(seen, want) {
		t.Errorf("the server got %q, want %q", seen, want)
	}
}

func TestWithoutAUsableTokenNothingIsSent(t *testing.T) {
	var calls atomic.Int32
	address := serve(t, getting(func(context.Context) error { calls.Add(1); return nil }))
	folder := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(folder, name)
		write(t, path, content)
		return path
	}
	for name, token := range map[string]grpc.DialOption{
		"empty":            WithPlainTextToken(""),
		"two lines":        WithPlainTextToken("s3cret\nx-admin: 1"),
		"not ASCII":        WithPlainTextToken("s3crét"),
		"no file":          WithPlainTextTokenFile(filepath.Join(folder, "none")),
		"empty file":       WithPlainTextTokenFile(file("empty", " \n")),
		"file of 2 tokens": WithPlainTextTokenFile(file("two", "s3cret\ns3cret2\n")),
		"no path":          WithPlainTextTokenFile(""),
	} {
		t.Run(name, func(t *testing.T) {
			err := get(t, dial(t, address, WithPlainText(), token))
			if status.Code(err) != codes.Unauthenticated {
				t.Errorf("got %v", err)
			}
			if strings.Contains(err.Error(), "s3c") {
				t.Errorf("the error has the token: %v", err)
			}
		})
	}
	if calls.Load() != 0 {
		t.Errorf("the server got %d calls", calls.Load())
	}
}
