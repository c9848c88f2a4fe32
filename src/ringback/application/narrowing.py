"""Filters, narrowed to what a caller can see."""

from msgspec.structs import replace

from ringback.application.access import Caller, Right
from ringback.application.directory import Directory
from ringback.domain.errors import NotAllowed
from ringback.domain.filter import CallbackFilter


async def selected_by(
    caller: Caller, wanted: CallbackFilter, directory: Directory, right: Right = Right.READ_CALLBACKS
) -> CallbackFilter:
    """Return the filter, narrowed to what the caller can see. Raise `NotAllowed`.

    By a number nobody finds what is shown to him with masked numbers: it would tell whether the number is there.
    """
    view = caller.view_of(right)
    if wanted.dial_target and view.masks:
        view = view.without_masked()
        if not view.areas:
            raise NotAllowed("this identity sees masked numbers only, and may not search for one")
    keys = tuple(caller.own_key(key) for key in wanted.keys)
    return replace(wanted, keys=keys, view=await directory.resolve(view))
