"""What a client of Ringback needs besides the stubs: channels, creating once, watching without a gap, reading errors.

    async with insecure_channel("127.0.0.1:50051") as channel:
        stub = CallbacksServiceStub(channel)
        created = await create(stub, CreateCallbackRequest(callback_request=...))
        async for response in watch(stub, WatchCallbacksRequest(snapshot_mode=SNAPSHOT_MODE_WHEN_NEEDED)):
            ...

It depends on what the stubs depend on, and on nothing of the server.
"""

from ringback.client.channel import SERVICE_CONFIG, channel_options, insecure_channel, secure_channel
from ringback.client.create import create
from ringback.client.errors import Violation, reason_of, violations_of
from ringback.client.watch import watch

# `create` and `watch` are the functions here, not the modules that they come from.
__all__ = [
    "SERVICE_CONFIG",
    "Violation",
    "channel_options",
    "create",
    "insecure_channel",
    "reason_of",
    "secure_channel",
    "violations_of",
    "watch",
]
