"""Which servers are reached without a proxy, and how the path of a socket is written."""

import pytest

from ringback.client.target import as_grpc, is_local


@pytest.mark.parametrize(
    "target",
    [
        *("localhost:50051", "localhost", "LocalHost:1", "localhost.:50051", "ringback.localhost:50051"),
        *("127.0.0.1:50051", "127.8.8.8", "[::1]:50051", "::1", "[::1]", "0.0.0.0:50051", "[::]:50051"),
        *("10.0.0.5:443", "172.16.0.1:443", "172.31.255.255:443", "192.168.1.1:443", "169.254.1.1:443"),
        *("[fd00::1]:443", "[fe80::1%eth0]:443", "[::ffff:127.0.0.1]:443", "[::ffff:10.1.2.3]:443"),
        *("dns:127.0.0.1:50051", "dns:///localhost:50051", "dns://8.8.8.8/10.0.0.5:443", "DNS:///localhost:1"),
        *("ipv4:10.0.0.5:443,10.0.0.6:443", "ipv6:[::1]:443", "ipv6:[fd00::1]:443"),
        *("passthrough:///127.0.0.1:1", "unix:ringback.sock", "unix:///run/ringback.sock", "unix-abstract:ringback"),
    ],
)
def test_past_a_proxy(target: str) -> None:
    assert is_local(target)


@pytest.mark.parametrize(
    "target",
    [
        *("ringback.example:443", "dns:///ringback.example:443", "localhost.example:443", "notlocalhost:443"),
        *("8.8.8.8:443", "172.32.0.1:443", "11.0.0.1:443", "[2001:db8::1]:443", "[::ffff:8.8.8.8]:443"),
        *(
            "dns://10.0.0.2/ringback.example:443",
            "ipv4:10.0.0.5:443,8.8.8.8:443",
            "10.example:443",
            "127.0.0.1.example:1",
        ),
        "",
    ],
)
def test_through_a_proxy(target: str) -> None:
    assert not is_local(target)


@pytest.mark.parametrize(
    ("target", "written"),
    [
        ("unix:/run/ringback.sock", "unix:/run/ringback.sock"),
        ("unix:///run/ringback.sock", "unix:///run/ringback.sock"),
        ("unix:my socket #1?.sock", "unix:my%20socket%20%231%3F.sock"),
        ("unix:100%.sock", "unix:100%25.sock"),
        ("localhost:50051", "localhost:50051"),
        ("dns:///ringback.example:443", "dns:///ringback.example:443"),
    ],
)
def test_the_path_of_a_socket_is_taken_as_it_is(target: str, written: str) -> None:
    assert as_grpc(target) == written
