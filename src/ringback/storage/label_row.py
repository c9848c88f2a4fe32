"""The labels of callbacks as rows of the table `callback_label`, one row per label."""

from collections.abc import Iterable
from typing import Final

from ringback.domain.callback import Callback
from ringback.storage.callback_row import Row

LABEL_COLUMNS: Final = ("key", "value", "callback_id")


def label_rows(callbacks: Iterable[Callback]) -> list[Row]:
    return [
        (key, value, callback.callback_id) for callback in callbacks for key, value in callback.request.labels.items()
    ]
