"""An outage is told when it begins."""

from logging import DEBUG, WARNING

from ringback.application.outage import OutageLog


def test_an_outage_is_told_once_and_the_next_one_again() -> None:
    outage = OutageLog()
    levels = [outage.level(), outage.level()]
    outage.end()
    outage.end()
    levels.append(outage.level())
    assert levels == [WARNING, DEBUG, WARNING]
