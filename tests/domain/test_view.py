"""Views: what they contain, and which of two shows more."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ringback.domain.callback import Callback
from ringback.domain.view import EVERYTHING, Area, View
from tests.world.samples import OTHER_SERVICE, SERVICE, new

SERVICES = (SERVICE, OTHER_SERVICE)
NAMES = [name for service in SERVICES for name in (service.service_id, service.sip_address)]
CALLER_IDS = ("crm", "erp")


def some(values: list[str] | tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...] | None]:
    return st.none() | st.lists(st.sampled_from(values), unique=True).map(lambda found: tuple(sorted(found)))


areas = st.builds(Area, caller_ids=some(CALLER_IDS), services=some(NAMES), masked=st.booleans())
views = st.builds(View, st.lists(areas, max_size=3).map(tuple), st.booleans())
callbacks = st.builds(
    lambda service, caller_id: replace(
        created := new(service=service),
        request=replace(created.request, caller_id=caller_id),
    ),
    st.sampled_from(SERVICES),
    st.sampled_from(CALLER_IDS),
)


@given(views, views, callbacks)
def test_a_view_that_covers_another_one_shows_no_less(one: View, other: View, callback: Callback) -> None:
    if not one.covers(other):
        return
    mine, theirs = one.of(SERVICES), other.of(SERVICES)
    assert mine.contains(callback) or not theirs.contains(callback)
    assert mine.shows_identities or not theirs.shows_identities
    if theirs.contains(callback) and theirs.shown(callback) == callback:
        assert mine.shown(callback) == callback


@given(views)
def test_every_view_covers_itself_and_everything_covers_it(view: View) -> None:
    assert view.covers(view)
    assert EVERYTHING.covers(view)


@given(views, callbacks)
def test_a_view_whose_services_were_not_looked_up_contains_none_of_them(view: View, callback: Callback) -> None:
    assert view.of(SERVICES).contains(callback) or not view.contains(callback)
