"""Tokens in sealed cookies: when a session is good, and everything that ends one."""

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from ringback.web.door.session_keys import is_session_key, new_session_key
from ringback.web.door.sessions import BrowserSession, Sessions, TokenTooLong
from ringback.web.door.sign_outs import SignOuts

START: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
TOKEN: Final = "token-of-a-person"
HOUR: Final = timedelta(hours=1)
KEY: Final = "zq5Zt0yW2cR7kM1xV8nB4dF6gH3jL9pQsT_uYwEaI-o="


class SetClock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        raise NotImplementedError  # what jumps ends no session


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


def made(clock: SetClock, *keys: str, https: bool = False) -> Sessions:
    return Sessions(keys=keys, lasts=12 * HOUR, https=https, clock=clock)


@pytest.fixture
def sessions(clock: SetClock) -> Sessions:
    return made(clock)


def opened(sessions: Sessions, token: str = TOKEN, token_ends_at: datetime | None = None) -> str:
    """Return the cookie of a new session, as a browser sends it."""
    return sessions.open(token, token_ends_at=token_ends_at)[1].partition(";")[0]


# --- The cookie ------------------------------------------------------------------------------------------------------


def test_a_cookie_is_for_the_server_alone(clock: SetClock) -> None:
    _, cookie = made(clock, https=True).open(TOKEN, token_ends_at=None)
    name, value = cookie.partition(";")[0].split("=", 1)
    assert name == "__Host-ringback-session"
    assert cookie.split("; ")[1:] == ["Path=/", "Max-Age=43200", "HttpOnly", "SameSite=Strict", "Secure"]
    assert TOKEN not in value


def test_without_tls_it_cannot_be_secure(sessions: Sessions) -> None:
    """Browsers do not keep it then, unless something in front of the server speaks TLS."""
    _, cookie = sessions.open(TOKEN, token_ends_at=None)
    assert cookie.startswith("ringback-session=")
    assert "Secure" not in cookie
    _, cookie = sessions.open(TOKEN, token_ends_at=None, secure=True)
    assert cookie.endswith("; Secure")


@given(length=st.integers(1, 200), data=st.data())
def test_a_cookie_has_one_spelling(length: int, data: st.DataObject) -> None:
    """Base64 has several: bits that nothing is made of, and fillings that are too many or too few."""
    sessions = made(SetClock())
    cookie = opened(sessions, "x" * length)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    text = cookie.rstrip("=")
    last = data.draw(st.sampled_from(alphabet))
    filling = data.draw(st.sampled_from(["", "=", "=="]))
    spelt = text[:-1] + last + filling
    assert (sessions.find(spelt, START) is not None) == (spelt == cookie)


@pytest.mark.parametrize("back", [timedelta(0), HOUR])
def test_a_person_signs_in_again_after_many_sign_outs(sessions: Sessions, clock: SetClock, back: timedelta) -> None:
    """All sessions made so far have ended; the next one has not, even in the same second, or on a clock set back."""
    cookies = []
    for _ in range(1_001):
        session, cookie = sessions.open(TOKEN, token_ends_at=None)
        cookies.append(cookie.partition(";")[0])
        sessions.end(session)
    clock.time -= back
    after = opened(sessions)
    assert sessions.find(after, clock.now()) is not None
    assert not any(sessions.find(each, clock.now()) for each in cookies)
    # And once more, with those of a later time than the clock has.
    for _ in range(1_001):
        sessions.end(sessions.open(TOKEN, token_ends_at=None)[0])
    assert sessions.find(after, clock.now()) is None


def test_no_two_cookies_are_alike(sessions: Sessions) -> None:
    assert len({opened(sessions) for _ in range(10)}) == 10


def test_a_token_that_does_not_fit_is_refused(sessions: Sessions) -> None:
    longest = max(length for length in range(2500, 3200) if _fits(sessions, "x" * length))
    cookie = opened(sessions, "x" * longest)
    assert len(cookie) <= 4096
    assert sessions.token_of(cookie, START) == "x" * longest
    assert longest >= 2800


def _fits(sessions: Sessions, token: str) -> bool:
    try:
        sessions.open(token, token_ends_at=None)
    except TokenTooLong:
        return False
    return True


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=200))
def test_what_is_sealed_is_found(token: str) -> None:
    clock = SetClock()
    sessions = made(clock)
    assert sessions.token_of(opened(sessions, token), START) == token


# --- What is no session ----------------------------------------------------------------------------------------------


def test_another_cookie_is_none(sessions: Sessions, clock: SetClock) -> None:
    cookie = opened(sessions)
    name, _, value = cookie.partition("=")
    for cookies in (
        "",
        ";",
        "a=b",
        name,
        f"{name}=",
        f"{name}={TOKEN}",
        f"{name}={value[:-1]}",
        f"{name}={value[:-5]}AAAA=",
        f"{name}=A{value[1:]}",
        f'{name}="{value}"',
        f"{name} ={value}",
        f"{name.upper()}={value}",
        f"__Host-{name}={value}",
        f"{name}=\u00e9",
        f"{name}={'A' * 100_000}",
        f"{name}={Fernet(Fernet.generate_key()).encrypt(b'[]').decode()}",
        opened(made(clock, KEY)),
    ):
        assert sessions.token_of(cookies, START) is None, cookies
    assert sessions.token_of(f"a=b; {cookie}; c=d", START) == TOKEN


def test_a_cookie_that_is_tossed_in_beside_it_ends_nothing_but_the_request(sessions: Sessions) -> None:
    """A site of the same domain can set one of this name: with its own session, or to have one chosen."""
    mine, tossed = opened(sessions), opened(sessions, "token-of-an-attacker")
    for cookies in (f"{mine}; {tossed}", f"{tossed}; {mine}", f"{mine}; {mine}"):
        assert sessions.token_of(cookies, START) is None
    assert sessions.token_of(mine, START) == TOKEN


def test_under_tls_only_the_name_counts_that_no_other_site_can_set(clock: SetClock) -> None:
    secure, plain = made(clock, KEY, https=True), made(clock, KEY)
    tossed, own = opened(plain, "token-of-an-attacker"), opened(secure)
    assert secure.token_of(tossed, START) is None
    assert secure.token_of(f"{tossed}; {own}", START) == TOKEN


# --- Ends ------------------------------------------------------------------------------------------------------------


def test_it_ends_after_its_hours(sessions: Sessions, clock: SetClock) -> None:
    cookie = opened(sessions)
    assert sessions.token_of(cookie, START + 12 * HOUR - timedelta(seconds=1)) == TOKEN
    assert sessions.token_of(cookie, START + 12 * HOUR) is None


def test_it_ends_with_its_token(sessions: Sessions) -> None:
    session, cookie = sessions.open(TOKEN, token_ends_at=START + HOUR)
    assert "Max-Age=3600" in cookie
    assert session.ends_at == (START + HOUR).timestamp()
    assert sessions.token_of(cookie.partition(";")[0], START + HOUR) is None


def test_a_copy_is_good_for_nothing_after_the_sign_out(sessions: Sessions, clock: SetClock) -> None:
    session, _ = sessions.open(TOKEN, token_ends_at=None)
    mine, other = opened(sessions), opened(sessions)
    found = sessions.find(mine, START)
    assert found is not None
    assert found.id != session.id
    sessions.end(found)
    assert sessions.token_of(mine, START) is None
    # The same token in another browser.
    assert sessions.token_of(other, START) == TOKEN


def test_a_clock_that_is_set_back_brings_none_back(sessions: Sessions, clock: SetClock) -> None:
    cookie = opened(sessions)
    found = sessions.find(cookie, START)
    assert found is not None
    sessions.end(found)
    for at in (START + 13 * HOUR, START + 20 * HOUR, START - HOUR, START):
        clock.time = at
        sessions.end(BrowserSession("x", "another", int(at.timestamp()), int(at.timestamp())))
        assert sessions.token_of(cookie, clock.time) is None


def test_memory_of_sign_outs_is_bounded_and_nothing_comes_back() -> None:
    start = int(START.timestamp())
    sign_outs = SignOuts(lasts_s=100)
    all_of_it = [BrowserSession(f"s{number}", TOKEN, start + number // 100, start + 100) for number in range(2500)]
    other = BrowserSession("other", "another token", start, start + 100)
    for session in all_of_it:
        sign_outs.add(session, session.made_at)
    assert all(sign_outs.has(session) for session in all_of_it)
    assert not sign_outs.has(other)
    assert sum(len(each.ids) for each in sign_outs._by_digest.values()) <= 1001
    # One that is made later is good.
    assert not sign_outs.has(BrowserSession("later", TOKEN, start + 50, start + 150))


def test_what_has_ended_long_ago_is_forgotten() -> None:
    start = int(START.timestamp())
    sign_outs = SignOuts(lasts_s=100)
    for number in range(10):
        sign_outs.add(BrowserSession("s", f"token {number}", start, start + 100), start)
    sign_outs.add(BrowserSession("s", "later", start + 10**6, start + 10**6 + 100), start + 10**6)
    assert len(sign_outs._by_digest) == 1


# --- Keys ------------------------------------------------------------------------------------------------------------


def test_without_keys_a_session_ends_with_the_process(clock: SetClock) -> None:
    cookie = opened(made(clock))
    assert made(clock).token_of(cookie, START) is None


def test_with_the_same_keys_it_is_good_at_each_server(clock: SetClock) -> None:
    assert made(clock, KEY).token_of(opened(made(clock, KEY)), START) == TOKEN


def test_keys_are_replaced_one_after_the_other(clock: SetClock) -> None:
    new = new_session_key()
    sessions = made(clock, KEY)
    before = opened(sessions)
    sessions.replace((new, KEY))
    after = opened(sessions)
    assert sessions.token_of(before, START) == TOKEN
    sessions.replace((new,))
    assert sessions.token_of(before, START) is None
    assert sessions.token_of(after, START) == TOKEN
    sessions.replace(())
    assert sessions.token_of(after, START) is None


def test_listeners_are_told_of_each_end(sessions: Sessions) -> None:
    told: list[None] = []
    sessions.listen(lambda: told.append(None))
    found = sessions.find(opened(sessions), START)
    assert found is not None
    assert not told
    sessions.end(found)
    assert len(told) == 1
    sessions.replace((KEY,))
    assert len(told) == 2
    sessions.replace((KEY,))
    assert len(told) == 2


@pytest.mark.parametrize(
    "text", ["", "x", KEY[:-1], KEY + "A", KEY[:-2], f" {KEY}", KEY.replace(KEY[0], "!"), "A" * 44, "\u00e9" * 44]
)
def test_what_is_no_key(text: str) -> None:
    assert is_session_key(KEY)
    assert not is_session_key(text)
