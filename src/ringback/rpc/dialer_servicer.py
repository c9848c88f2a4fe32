"""DialerService as gRPC calls it."""

from ringback.rpc.entry import Context
from ringback.v1 import dialer_service_pb2 as pb
from ringback.v1 import dialer_service_pb2_grpc as pb_grpc
from ringback.wire.handlers.dialer import DialerHandlers


class DialerServicer(pb_grpc.DialerServiceServicer):
    """DialerService, each RPC passed on to its handler."""

    def __init__(self, handlers: DialerHandlers) -> None:
        self._handlers = handlers

    async def LeaseCallbacks(self, request: pb.LeaseCallbacksRequest, context: Context) -> pb.LeaseCallbacksResponse:
        return await self._handlers.lease_callbacks(request)

    async def ExtendLeases(self, request: pb.ExtendLeasesRequest, context: Context) -> pb.ExtendLeasesResponse:
        return await self._handlers.extend_leases(request)

    async def ReportProgress(self, request: pb.ReportProgressRequest, context: Context) -> pb.ReportProgressResponse:
        return await self._handlers.report_progress(request)

    async def ReportOutcome(self, request: pb.ReportOutcomeRequest, context: Context) -> pb.ReportOutcomeResponse:
        return await self._handlers.report_outcome(request)

    async def ReleaseLeases(self, request: pb.ReleaseLeasesRequest, context: Context) -> pb.ReleaseLeasesResponse:
        return await self._handlers.release_leases(request)
