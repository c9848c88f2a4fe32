"""The faults of a request, collected while it is read."""

from collections.abc import Iterable

from ringback.domain.dial_rules import Broken
from ringback.domain.errors import DialRuleBroken, Fault, InvalidRequest


class Faults:
    """All faults of one request, so that one response can name them all.

    A reader that cannot read a field adds a fault and returns a stand-in. So `refuse` is called before anything
    that was read is used.
    """

    def __init__(self, path: str = "", violations: list[Fault] | None = None) -> None:
        self.violations = [] if violations is None else violations
        self._path = path

    def under(self, name: str) -> "Faults":
        """Return the same collection, for the fields of the message in the field `name`."""
        return Faults(f"{self._path}{name}.", self.violations)

    def add(self, name: str, description: str) -> None:
        self.violations.append(Fault(self._path + name, description))

    def extend(self, faults: Iterable[tuple[str, str]]) -> None:
        for name, description in faults:
            self.add(name, description)

    def add_broken(self, name: str, broken: Broken | None) -> None:
        """Add the dial rule that the target in the field `name` breaks, if it breaks one."""
        if broken is not None:
            self.violations.append(Fault(self._path + name, str(broken), broken.rule))

    def refuse(self) -> None:
        """Raise `InvalidRequest` if there are any faults, and `DialRuleBroken` if all of them are broken dial rules."""
        if not self.violations:
            return
        if all(fault.rule for fault in self.violations):
            raise DialRuleBroken(self.violations, self.violations[0].rule)
        raise InvalidRequest(self.violations)
