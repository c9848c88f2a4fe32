"""Server reflection, so that grpcurl and its like need no proto files.

Python ships version v1alpha only. v1 differs in its name alone, and new tools request it first, so the same servicer
serves both names.
"""

from collections.abc import Sequence
from typing import Any

import grpc
from google.protobuf import text_format
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import Default
from grpc_reflection.v1alpha import reflection, reflection_pb2

from ringback.rpc.open_registrar import OpenRegistrar

_V1ALPHA = "grpc.reflection.v1alpha.ServerReflection"
_V1 = "grpc.reflection.v1.ServerReflection"


def add_reflection(registrar: OpenRegistrar, services: Sequence[str]) -> None:
    """Add reflection of these services, and of reflection itself."""
    _add_v1_descriptors()
    names = (*services, _V1ALPHA, _V1)
    servicer = reflection.aio.ReflectionServicer(service_names=names, pool=_Symbols())
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "ServerReflectionInfo": grpc.stream_stream_rpc_method_handler(
            servicer.ServerReflectionInfo,
            request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
            response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
        )
    }
    for name in (_V1ALPHA, _V1):
        registrar.add_registered_method_handlers(name, handlers)


def _add_v1_descriptors() -> None:
    """Make the descriptors of v1 out of those of v1alpha: a service that is listed can be described, too."""
    alpha = FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(alpha)
    text = text_format.MessageToString(alpha).replace("v1alpha", "v1")
    Default().Add(text_format.Parse(text, FileDescriptorProto()))


class _Symbols:
    """The default descriptor pool, which finds methods as well: `grpcurl describe` requests them."""

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802 - the pool's own name for it
        pool = Default()
        try:
            return pool.FindFileContainingSymbol(symbol)
        except KeyError:
            service, _, method = symbol.rpartition(".")
            found = pool.FindServiceByName(service)
            if method not in found.methods_by_name:
                raise
            return found.file

    def __getattr__(self, name: str) -> Any:
        return getattr(Default(), name)
