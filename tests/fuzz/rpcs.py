"""Calls of every RPC that a server has, made from its descriptors, and bytes that are none of their messages."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, NamedTuple, Self

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.text_format import MessageToString
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from ringback.rpc.server import MAX_RECEIVE_BYTES
from ringback.v1 import callbacks_service_pb2, dialer_service_pb2, directory_service_pb2
from tests.fuzz.dice import Dice, dice_of
from tests.fuzz.known import LearntTexts
from tests.fuzz.messages import Maker
from tests.fuzz.server import Fuzzed, authorization
from tests.fuzz.stored import StoredByCallers
from tests.fuzz.tally import FuzzTally
from tests.fuzz.verdicts import READS, WAITING, fault_of_refusal, fault_of_response
from tests.world.api import refusal_of

_OURS: Final = (callbacks_service_pb2, dialer_service_pb2, directory_service_pb2)
# No call takes as long on any machine.
_PATIENCE_S: Final = 30.0
# One that may wait is not waited for.
_WAIT_S: Final = 0.1
_ODD: Final = ("", "x" * 4000, "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "00-zz-zz-01", "%00", "gzip", "-1", "1H", "~")


class Rpc(NamedTuple):
    """One method, by the path that its calls have."""

    path: str
    method: MethodDescriptor
    # Of our own services, whose refusals have details.
    is_ours: bool

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


def _methods() -> list[Rpc]:
    found = [
        Rpc(f"/{service.full_name}/{method.name}", method, file in _OURS)
        for file in (*_OURS, health_pb2, reflection_pb2)
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    ]
    v1 = [rpc._replace(path=rpc.path.replace("v1alpha", "v1")) for rpc in found if "v1alpha" in rpc.path]
    return found + v1


RPCS: Final = tuple(_methods())
OURS: Final = tuple(rpc for rpc in RPCS if rpc.is_ours)
# What creates is called more often: without it there would be nothing to change.
_CREATING: Final = tuple(rpc for rpc in RPCS if "Create" in rpc.name or rpc.name == "LeaseCallbacks")


class Sent(NamedTuple):
    """A request, as bytes and as a person reads it."""

    data: bytes
    shown: object


def request_of(rpc: Rpc, dice: Dice, known: LearntTexts) -> Sent:
    """Return a request of the RPC, or what a broken or hostile client sends for one."""
    message = Maker(dice, known).make(rpc.method.input_type)
    data = message.SerializeToString()
    if dice.chance(0.25):
        mutated = dice.mutated(data)
        return Sent(mutated, mutated)
    if dice.chance(0.03):
        noise = dice.randbytes(dice.randint(1, 60))
        return Sent(noise, noise)
    if dice.chance(0.0005):
        return Sent(b"\x0a" * (MAX_RECEIVE_BYTES + 1), "more than a request may have")
    return Sent(data, MessageToString(message, as_one_line=True) or "an empty message")


class RpcFuzz:
    """One client, which makes one call after the other."""

    def __init__(self, server: Fuzzed, seed: int) -> None:
        self.tally: Final = FuzzTally("rpcs", seed)
        self._server = server
        self._seed = seed
        self._known = LearntTexts()
        self._stored = StoredByCallers(server.database)
        self._channel = grpc.aio.insecure_channel(server.address, options=[("grpc.max_receive_message_length", -1)])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stored.close()
        await self._channel.close()

    async def step(self, number: int) -> None:
        dice = dice_of(self._seed, "rpcs", number)
        rpc = dice.choice(_CREATING if dice.chance(0.25) else RPCS)
        sent = request_of(rpc, dice, self._known)
        before = self._stored.mark()
        code, fault = await self._end_of(rpc, sent, dice)
        refused = code not in ("OK", "DEADLINE_EXCEEDED")
        if not fault and (refused or rpc.name.startswith(READS)) and self._stored.mark() != before:
            fault = f"ended as {code}, and {before} became {self._stored.mark()}"
        self.tally.note(rpc.name, code, refused=refused)
        if fault:
            self.tally.find(number, f"{rpc.path} {fault}", sent.shown)
        if code == "DEADLINE_EXCEEDED":
            await self._server.settle()

    async def _end_of(self, rpc: Rpc, sent: Sent, dice: Dice) -> tuple[str, str]:
        """Make the call; return its code, and what is wrong with it."""
        try:
            response = await self._call(rpc, sent.data, dice)
        except grpc.aio.AioRpcError as error:
            refusal = refusal_of(error)
            fault = fault_of_refusal(rpc.name, refusal, len(sent.data), has_details=rpc.is_ours)
            return refusal.code.name, f"{fault}: {error.details()}" if fault else ""
        try:
            message: Message = GetMessageClass(rpc.method.output_type).FromString(response)
        except DecodeError:
            return "OK", "has a response that cannot be read"
        if rpc.is_ours:
            self._known.learn(message)
        return "OK", fault_of_response(message)

    async def _call(self, rpc: Rpc, data: bytes, dice: Dice) -> bytes:
        """Return the response, of a stream the first. Raise `AioRpcError`."""
        options: dict[str, Any] = {
            "timeout": _WAIT_S if rpc.name in WAITING else _PATIENCE_S,
            "metadata": _metadata(dice),
            "compression": grpc.Compression.Gzip if dice.chance(0.05) else None,
        }
        channel: Any = self._channel  # whose calls are of bytes, without names for what they are
        if rpc.method.client_streaming:
            return await _first(channel.stream_stream(rpc.path)(_only(data), **options))
        if rpc.method.server_streaming:
            return await _first(channel.unary_stream(rpc.path)(data, **options))
        response: bytes = await channel.unary_unary(rpc.path)(data, **options)
        return response


def _metadata(dice: Dice) -> Sequence[tuple[str, str | bytes]]:
    metadata: list[tuple[str, str | bytes]] = []
    credentials = authorization(dice)
    if credentials is not None:
        metadata.append(("authorization", credentials))
    if dice.chance(0.05):
        metadata.append((dice.choice(("traceparent", "tracestate", "x-request-id", "baggage")), dice.choice(_ODD)))
    if dice.chance(0.02):
        metadata.append(("grpc-trace-bin", dice.randbytes(dice.randint(0, 40))))
    return metadata


async def _only(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _first(call: Any) -> bytes:
    try:
        async for response in call:
            first: bytes = response
            return first
        return b""
    finally:
        call.cancel()
