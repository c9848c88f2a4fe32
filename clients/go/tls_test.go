package ringback

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	serial      int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{certificate: &x509.Certificate{IsCA: true, BasicConstraintsValid: true}}
	der, key := a.sign(t, a.certificate)
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a.certificate, a.key = parsed, key
	return a
}

// sign signs a certificate with a new key; with its own when there is no authority yet.
func (a *authority) sign(t *testing.T, certificate *x509.Certificate) ([]byte, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer := a.key
	if signer == nil {
		signer = key
	}
	a.serial++
	certificate.SerialNumber = big.NewInt(a.serial)
	certificate.NotBefore, certificate.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, certificate, a.certificate, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	return der, key
}

// issue writes a certificate for this name and 127.0.0.1, and its key.
func (a *authority) issue(t *testing.T, name string, files TLSFiles) {
	t.Helper()
	der, key := a.sign(t, &x509.Certificate{
		DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, files.Roots, pemOf("CERTIFICATE", a.certificate.Raw))
	write(t, files.Certificate, pemOf("CERTIFICATE", der))
	write(t, files.Key, pemOf("PRIVATE KEY", pkcs8))
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func filesIn(folder string) TLSFiles {
	return TLSFiles{
		Roots:       filepath.Join(folder, "ca.pem"),
		Certificate: filepath.Join(folder, "cert.pem"),
		Key:         filepath.Join(folder, "key.pem"),
	}
}

// serveMutualTLS runs f for clients that the authority has certified.
func serveMutualTLS(t *testing.T, a *authority, f *fake) string {
	t.Helper()
	files := filesIn(t.TempDir())
	a.issue(t, "localhost", files)
	pair, err := tls.LoadX509KeyPair(files.Certificate, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AddCert(a.certificate)
	return serve(t, f, grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert,
	})))
}

func TestAClientCertificateIsShownAndReadAgain(t *testing.T) {
	var seen []string
	a := newAuthority(t)
	address := serveMutualTLS(t, a, getting(func(ctx context.Context) error {
		caller, _ := peer.FromContext(ctx)
		seen = append(seen, caller.AuthInfo.(credentials.TLSInfo).State.PeerCertificates[0].DNSNames...)
		return nil
	}))
	files := filesIn(t.TempDir())
	a.issue(t, "before.example", files)
	option, err := WithTLSFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"before.example", "after.example"} {
		a.issue(t, name, files)
		if err := get(t, dial(t, address, option)); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"before.example", "after.example"}; !slices.Equal(seen, want) {
		t.Errorf("the server saw %q, want %q", seen, want)
	}
}

func TestAServerThatTheRootsDoNotVouchForIsRefused(t *testing.T) {
	address := serveMutualTLS(t, newAuthority(t), getting(func(context.Context) error { return nil }))
	files := filesIn(t.TempDir())
	newAuthority(t).issue(t, "client.example", files)
	option, err := WithTLSFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	if err := get(t, dial(t, address, option, grpc.WithDisableRetry())); status.Code(err) != codes.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestTLSFilesThatAreNotUsable(t *testing.T) {
	good := filesIn(t.TempDir())
	newAuthority(t).issue(t, "client.example", good)
	other := filesIn(t.TempDir())
	newAuthority(t).issue(t, "client.example", other)
	missing := filepath.Join(t.TempDir(), "none")
	for name, files := range map[string]TLSFiles{
		"no such roots":       {Roots: missing},
		"roots of no PEM":     {Roots: good.Key},
		"no such certificate": {Certificate: missing, Key: good.Key},
		"no key":              {Certificate: good.Certificate},
		"no certificate":      {Key: good.Key},
		"another's key":       {Certificate: good.Certificate, Key: other.Key},
	} {
		if _, err := WithTLSFiles(files); err == nil {
			t.Errorf("%s: WithTLSFiles took it", name)
		}
	}
}
