"""Channels that recover quickly."""

from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import grpc

from ringback.client.target import as_grpc, is_local
from ringback.client.token import OnStream, OnUnary, Plugin, source_of

# The `gRPC service config` of a client, for any language. A retry repeats what may have been done already: give
# every create an `external_task_id` or a `request_id`, and repeating it is harmless. Streams are left out: they
# must be resumed with their last token, which only `watch` knows.
SERVICE_CONFIG: Final = files("ringback").joinpath("service_config.json").read_text(encoding="utf-8")


def channel_options(target: str | None = None) -> list[tuple[str, Any]]:
    """Return the options with which a channel to Ringback recovers quickly, for `grpc` and `grpc.aio`.

    With the target of the channel: also those to go past a proxy that the environment names (`http_proxy`,
    `https_proxy`, `grpc_proxy`), when it is a Unix socket, this machine, or a private address.
    """
    past_proxies = [("grpc.enable_http_proxy", 0)] if target is not None and is_local(target) else []
    return [
        *past_proxies,
        ("grpc.service_config", SERVICE_CONFIG),
        # Notice a dead connection, and keep NATs and proxies from dropping one that is only quiet. The server
        # permits a ping every ten seconds.
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.ping_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        # By default a channel that could not connect refuses calls for up to two minutes.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 1_000),
    ]


def insecure_channel(
    target: str, *, token: str | None = None, token_file: str | Path | None = None
) -> grpc.aio.Channel:
    """Open a plain-text channel with the recommended options.

    `target` is HOST:PORT, unix:PATH, or any other name that gRPC resolves. A token, or that of a file, goes with every
    call and can be read on its way: give one only where nobody is on the way, as on this machine or within a mesh.
    """
    source = source_of(token, token_file)
    interceptors: list[grpc.aio.ClientInterceptor] = [] if source is None else [OnUnary(source), OnStream(source)]
    return grpc.aio.insecure_channel(as_grpc(target), options=channel_options(target), interceptors=interceptors)


def secure_channel(
    target: str,
    token: str | None = None,
    root_certificates: bytes | None = None,
    *,
    token_file: str | Path | None = None,
    certificate_chain: bytes | None = None,
    private_key: bytes | None = None,
) -> grpc.aio.Channel:
    """Open a TLS channel with the recommended options.

    `token` goes with every call as `authorization: Bearer ...`; `token_file` is read again for every call, so that a
    token can be renewed. `root_certificates` (PEM) take the place of the roots that gRPC comes with.
    `certificate_chain` and `private_key` (PEM) are those of this client.
    """
    if (certificate_chain is None) != (private_key is None):
        raise ValueError("certificate_chain and private_key need each other")
    source = source_of(token, token_file)
    credentials = grpc.ssl_channel_credentials(root_certificates, private_key, certificate_chain)
    if source is not None:
        credentials = grpc.composite_channel_credentials(credentials, grpc.metadata_call_credentials(Plugin(source)))
    return grpc.aio.secure_channel(as_grpc(target), credentials, options=channel_options(target))
