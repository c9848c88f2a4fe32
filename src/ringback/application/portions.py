"""What one transaction takes of a large call: what others send is stored in between."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

# One of a thousand requests of usual length is not divided.
_PORTION_BYTES = 4 * 1024 * 1024


def portions(
    items: Iterable[T], rows: Callable[[T], int], size: Callable[[T], int], most: Callable[[], int]
) -> Iterator[Sequence[T]]:
    """Divide what is to be stored, by how many rows each item has, and how many bytes.

    `most` is how many rows a portion may have by now; an item is never divided.
    """
    portion: list[T] = []
    count, room = 0, _PORTION_BYTES
    for item in items:
        item_rows, item_size = rows(item), size(item)
        if portion and (item_size > room or count + item_rows > most()):
            yield portion
            portion, count, room = [], 0, _PORTION_BYTES
        portion.append(item)
        count += item_rows
        room -= item_size
    if portion:
        yield portion
