"""Messages, and the faults that are found in them."""

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import strategies as st

from ringback.domain.faults import Faults

ID = "0190b2f4-7d1c-7a53-9d3e-1f2a3b4c5d6e"
SERVICE_ID = "123e4567-e89b-12d3-a456-426614174000"
NOON = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)
# Every time that a message can carry.
TIMES = st.datetimes(timezones=st.just(UTC))


def at(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)


def timestamp(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message


def fields(faults: Faults) -> list[str]:
    return [violation.field for violation in faults.violations]
