"""Large calls are stored in portions: of few rows where others wait, and never of too many bytes."""

from collections.abc import Sequence

from ringback.application.portions import portions

MIB = 1024 * 1024


def divided(items: Sequence[tuple[int, int]], most: int) -> list[list[tuple[int, int]]]:
    """Divide items, each of so many rows and bytes."""
    return [list(portion) for portion in portions(items, lambda i: i[0], lambda i: i[1], lambda: most)]


def test_portions_have_so_many_rows_at_most() -> None:
    rows = [[item[0] for item in portion] for portion in divided([(n, 1) for n in (3, 3, 2, 1, 4)], most=6)]
    assert rows == [[3, 3], [2, 1], [4]]


def test_portions_have_so_many_bytes_at_most() -> None:
    sizes = [[item[1] // MIB for item in portion] for portion in divided([(1, n * MIB) for n in (1, 3, 1, 2)], 1000)]
    assert sizes == [[1, 3], [1, 2]]


def test_an_item_that_is_too_large_is_a_portion_of_its_own() -> None:
    assert divided([(1, 1), (9, 1), (1, 9 * MIB), (1, 1)], most=4) == [[(1, 1)], [(9, 1)], [(1, 9 * MIB)], [(1, 1)]]


def test_nothing_is_no_portion() -> None:
    assert divided([], most=4) == []
