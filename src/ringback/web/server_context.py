"""What the connections of one server have in common."""

from hypercorn.asyncio.worker_context import WorkerContext

from ringback.web.server_pace import ReadingPace


class DrainContext(WorkerContext):
    """What hypercorn's protocols have of their server."""

    def __init__(self) -> None:
        super().__init__(None)
        # Clients are to use other connections, and other servers.
        self.is_draining = False
        self.pace = ReadingPace()
