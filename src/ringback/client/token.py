"""Bearer tokens, and how they get into the metadata of calls."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

import grpc

_KEY: Final = "authorization"
_SCHEME: Final = "Bearer"

# Returns the token of a call. Raises `TokenUnreadable`.
TokenSource: TypeAlias = Callable[[], str]


class TokenUnreadable(Exception):  # noqa: N818 - named for what happened
    """A file without a token in it; `str()` says which, and nothing of what is in it."""


def source_of(token: str | None, token_file: str | Path | None) -> TokenSource | None:
    """Return where the token of each call comes from, None for calls without one.

    Raise `ValueError` for two, and for a token that cannot be sent.
    """
    if token is not None and token_file is not None:
        raise ValueError("token and token_file exclude each other")
    if token is not None:
        if not _is_one_token(token):
            raise ValueError("the token is empty, or has characters that a token cannot have")
        return lambda: token
    return None if token_file is None else lambda: read_token(Path(token_file))


def read_token(path: Path) -> str:
    """Return the token that a file has now. Raise `TokenUnreadable`."""
    try:
        token = path.read_text(encoding="ascii").strip()
    except OSError as fault:
        raise TokenUnreadable(f"cannot read the token file {path}: {fault.strerror}") from None
    except UnicodeDecodeError:
        raise TokenUnreadable(f"the token file {path} has other characters than a token can have") from None
    if not _is_one_token(token):
        raise TokenUnreadable(f"the token file {path} must have one token, and nothing else")
    return token


def _is_one_token(text: str) -> bool:
    return text.isascii() and text.isprintable() and text != "" and " " not in text


class Plugin(grpc.AuthMetadataPlugin):
    """Puts the token into the metadata of calls on a TLS channel; gRPC keeps it off any other."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    def __call__(self, _: grpc.AuthMetadataContext, callback: grpc.AuthMetadataPluginCallback) -> None:
        try:
            callback(((_KEY, f"{_SCHEME} {self._source()}"),), None)
        except TokenUnreadable as fault:
            callback((), fault)


class _OnCall:
    """Puts the token into the metadata of calls on a plain-text channel."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    def _with_token(self, details: grpc.aio.ClientCallDetails) -> grpc.aio.ClientCallDetails:
        try:
            value = f"{_SCHEME} {self._source()}"
        except TokenUnreadable as fault:
            # As gRPC does when the plugin fails: it may be there again in a moment.
            nothing = grpc.aio.Metadata()
            raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, nothing, nothing, details=str(fault)) from None
        metadata = grpc.aio.Metadata(*(details.metadata or ()), (_KEY, value))
        return grpc.aio.ClientCallDetails(
            details.method, details.timeout, metadata, details.credentials, details.wait_for_ready
        )


class OnUnary(_OnCall, grpc.aio.UnaryUnaryClientInterceptor):
    """Of calls with one response."""

    async def intercept_unary_unary(self, continuation: Any, details: grpc.aio.ClientCallDetails, request: Any) -> Any:
        return await continuation(self._with_token(details), request)


class OnStream(_OnCall, grpc.aio.UnaryStreamClientInterceptor):
    """Of calls with a stream of responses."""

    async def intercept_unary_stream(self, continuation: Any, details: grpc.aio.ClientCallDetails, request: Any) -> Any:
        return await continuation(self._with_token(details), request)
