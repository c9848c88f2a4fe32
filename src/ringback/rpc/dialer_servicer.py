"""DialerService as gRPC calls it."""

from ringback.rpc.registrar import RpcCall
from ringback.v1 import dialer_service_pb2 as pb
from ringback.v1 import dialer_service_pb2_grpc as pb_grpc
from ringback.wire.handlers.dialer import DialerHandlers


class DialerServicer(pb_grpc.DialerServiceServicer):
    """DialerService, each RPC passed on to its handler."""

    def __init__(self, handlers: DialerHandlers) -> None:
        self._handlers = handlers

    async def LeaseCallbacks(self, request: pb.LeaseCallbacksRequest, call: RpcCall) -> pb.LeaseCallbacksResponse:
        return await self._handlers.lease_callbacks(call.caller, request)

    async def ExtendLeases(self, request: pb.ExtendLeasesRequest, call: RpcCall) -> pb.ExtendLeasesResponse:
        return await self._handlers.extend_leases(call.caller, request)

    async def ReportProgress(self, request: pb.ReportProgressRequest, call: RpcCall) -> pb.ReportProgressResponse:
        return await self._handlers.report_progress(call.caller, request)

    async def ReportOutcome(self, request: pb.ReportOutcomeRequest, call: RpcCall) -> pb.ReportOutcomeResponse:
        return await self._handlers.report_outcome(call.caller, request)

    async def ReportAttempts(self, request: pb.ReportAttemptsRequest, call: RpcCall) -> pb.ReportAttemptsResponse:
        return await self._handlers.report_attempts(call.caller, request)

    async def ReleaseLeases(self, request: pb.ReleaseLeasesRequest, call: RpcCall) -> pb.ReleaseLeasesResponse:
        return await self._handlers.release_leases(call.caller, request)
