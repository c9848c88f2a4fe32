package ringback

import (
	"net/netip"
	"regexp"
	"strings"
)

// What gRPC resolves to hosts. A name server may be named before them, as in dns://10.0.0.2/host:443.
var hostsOfTarget = regexp.MustCompile(`(?i)^(?:(?:dns|ipv4|ipv6|passthrough):(?://[^/]*/)?)?(.*)$`)

var localNetworks = prefixes(
	"0.0.0.0/32", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
	"::/128", "::1/128", "fc00::/7", "fe80::/10",
)

func prefixes(texts ...string) []netip.Prefix {
	parsed := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		parsed[i] = netip.MustParsePrefix(text)
	}
	return parsed
}

// isLocal reports whether a target of gRPC names this machine, or only private addresses: a proxy cannot reach them.
func isLocal(target string) bool {
	lower := strings.ToLower(target)
	for _, scheme := range []string{"unix:", "unix-abstract:", "vsock:"} {
		if strings.HasPrefix(lower, scheme) {
			return true
		}
	}
	for _, address := range strings.Split(hostsOfTarget.FindStringSubmatch(lower)[1], ",") {
		if !isLocalHost(hostOf(address)) {
			return false
		}
	}
	return true
}

// hostOf leaves the port out. An IPv6 address has colons, too.
func hostOf(address string) string {
	host := address
	if colon := strings.LastIndex(address, ":"); colon >= 0 {
		before := address[:colon]
		if !strings.Contains(before, ":") || strings.HasSuffix(before, "]") {
			host = before
		}
	}
	return strings.Trim(host, "[]")
}

func isLocalHost(host string) bool {
	name := strings.TrimRight(host, ".")
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	address = address.WithZone("").Unmap()
	for _, network := range localNetworks {
		if network.Contains(address) {
			return true
		}
	}
	return false
}
