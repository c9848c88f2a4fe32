"""What is secret in the URL of a database is not shown."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.config import SettingError, parse_database
from ringback.ports.location import PostgresUrl, without_secrets

MARK = "S3CR3T"
# Also what stands in a URL for something else, as it is.
ANY = st.text("ab0@/?:&=#%[]é \n")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///ringback.db", "sqlite:///ringback.db"),
        ("postgresql://h/db", "postgresql://h/db"),
        ("postgresql://u@h:1/db?sslmode=require", "postgresql://u@h:1/db?sslmode=require"),
        ("postgresql://u:p@h/db?sslmode=require", "postgresql://u:***@h/db?sslmode=require"),
        ("postgresql://:p@h/db", "postgresql://:***@h/db"),
        ("postgresql://h:1/db?user=u&password=p@x&port=2", "postgresql://h:1/db?user=u&password=***&port=2"),
        ("postgresql://h/db?PassWord=p", "postgresql://h/db?PassWord=***"),
        ("postgresql://h/db?%70assword=p&sslpassword=q", "postgresql://h/db?%70assword=***&sslpassword=***"),
        ("postgresql://h/db?oauth_client_secret=p", "postgresql://h/db?oauth_client_secret=***"),
        ("postgresql://h/db?scram_client_key=p&sslkey=k.pem", "postgresql://h/db?scram_client_key=***&sslkey=k.pem"),
        ("postgressql://u:p@h/db", "postgressql://u:***@h/db"),
    ],
)
def test_what_is_shown_of_a_url(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


@given(ANY, ANY, st.sampled_from(["", "@", "/db", "?sslmode=require", "?password=x"]))
def test_no_password_is_shown_however_it_is_written(before: str, after: str, rest: str) -> None:
    assert MARK not in without_secrets(f"postgresql://user:{before}{MARK}{after}@host{rest}")


@given(ANY, ANY)
def test_no_password_is_shown_of_a_parameter(before: str, after: str) -> None:
    value = quote(before, safe="@/?:=") + MARK + quote(after, safe="@/?:=")
    assert MARK not in without_secrets(f"postgresql://host:1/db?password={value}&application_name=a@b")


def test_neither_a_refusal_nor_a_traceback_shows_the_password() -> None:
    with pytest.raises(SettingError) as caught:
        parse_database(f"postgressql://u:{MARK}@h/db")
    assert MARK not in str(caught.value)
    assert MARK not in repr(PostgresUrl(f"postgresql://u:{MARK}@h/db"))


@pytest.mark.parametrize("special", "@/?#")
@pytest.mark.parametrize(
    "form", ["postgresql://u:a{}{}@h:1/db", "postgres://{}{}@h/db?sslmode=require", "postgresql://u:{}{}@h"]
)
def test_a_password_that_is_not_escaped_is_refused_and_not_shown(form: str, special: str) -> None:
    """Otherwise its end is taken for the host or the database, which logs and errors show."""
    with pytest.raises(SettingError, match="has to be escaped") as caught:
        parse_database(form.format(f"x{special}", MARK))
    assert MARK not in str(caught.value)


@given(ANY)
def test_an_escaped_password_is_taken_and_not_shown(password: str) -> None:
    url = f"postgresql://u:{quote(password, safe='')}{MARK}@h/db?application_name=a@b"
    location = parse_database(url)
    assert location == PostgresUrl(url)
    assert str(location) == "postgresql://h/db"


@pytest.mark.parametrize(
    "text", [f"host=h password={MARK}", f"postgres:/u:{MARK}@h/db", f"u:{MARK}@h/db", f"postgresql:u:{MARK}@h"]
)
def test_what_is_no_url_is_not_repeated_where_it_may_have_a_password(text: str) -> None:
    with pytest.raises(SettingError, match="is neither sqlite") as caught:
        parse_database(text)
    assert MARK not in str(caught.value)
