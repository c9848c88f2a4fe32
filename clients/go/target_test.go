package ringback

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
)

func TestServersThatAreReachedPastAProxy(t *testing.T) {
	for _, target := range []string{
		"localhost:50051", "localhost", "LocalHost:1", "localhost.:50051", "ringback.localhost:50051",
		"127.0.0.1:50051", "127.8.8.8", "[::1]:50051", "::1", "[::1]", "0.0.0.0:50051", "[::]:50051",
		"10.0.0.5:443", "172.16.0.1:443", "172.31.255.255:443", "192.168.1.1:443", "169.254.1.1:443",
		"[fd00::1]:443", "[fe80::1%eth0]:443", "[::ffff:127.0.0.1]:443", "[::ffff:10.1.2.3]:443",
		"dns:127.0.0.1:50051", "dns:///localhost:50051", "dns://8.8.8.8/10.0.0.5:443", "passthrough:///127.0.0.1:1",
		"ipv4:10.0.0.5:443,10.0.0.6:443", "unix:ringback.sock", "unix:///run/ringback.sock",
	} {
		if !isLocal(target) {
			t.Errorf("%s would be reached through a proxy", target)
		}
	}
	for _, target := range []string{
		"ringback.example:443", "dns:///ringback.example:443", "localhost.example:443", "notlocalhost:443",
		"8.8.8.8:443", "172.32.0.1:443", "11.0.0.1:443", "[2001:db8::1]:443", "[::ffff:8.8.8.8]:443", "",
		"dns://10.0.0.2/ringback.example:443", "ipv4:10.0.0.5:443,8.8.8.8:443", "10.example:443",
	} {
		if isLocal(target) {
			t.Errorf("%s would be reached past a proxy", target)
		}
	}
}

// Go reads the proxy from the environment once in a process, so the client is another one: this test again.
func TestAPrivateAddressIsReachedPastADeadProxy(t *testing.T) {
	const targetVariable = "RINGBACK_TEST_TARGET"
	if target := os.Getenv(targetVariable); target != "" {
		reach(t, target)
		return
	}
	address := privateAddress(t)
	listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	defer server.Stop()
	go server.Serve(listener) //nolint:errcheck // ends with the test
	for _, target := range []string{listener.Addr().String(), "dns:///" + listener.Addr().String()} {
		again := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
		again.Env = append(os.Environ(), targetVariable+"="+target, "HTTPS_PROXY=http://127.0.0.1:1", "NO_PROXY=")
		if output, err := again.CombinedOutput(); err != nil {
			t.Errorf("%s: %s", target, strings.TrimSpace(string(output)))
		}
	}
}

func reach(t *testing.T, target string) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn := dial(t, target, WithPlainText())
	conn.Connect()
	for state := conn.GetState(); state != connectivity.Ready; state = conn.GetState() {
		if state == connectivity.TransientFailure || !conn.WaitForStateChange(ctx, state) {
			t.Fatalf("the server was not reached: %s", state)
		}
	}
}

// privateAddress returns an address of this machine that is not a loopback address: Go itself goes past a proxy there.
func privateAddress(t *testing.T) string {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && network.IP.IsPrivate() {
			return network.IP.String()
		}
	}
	return "0.0.0.0" // leads to the machine itself, and is no loopback address for Go
}
