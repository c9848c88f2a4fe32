"""What the runner prints."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.conformance.languages import Language
from tests.conformance.player import Outcome
from tests.conformance.scenario import Scenario


@dataclass(frozen=True)
class Report:
    """Every scenario in every language; no outcome for a language that could not be run."""

    scenarios: Sequence[Scenario]
    languages: Sequence[Language]
    outcomes: Mapping[tuple[str, str], Outcome]
    # Where everything must be there, a language that could not be run has failed.
    strict: bool

    def lines(self) -> Iterator[str]:
        """Yield the table, what was skipped, each failure, and the sums."""
        yield from self._table()
        for language in self.languages:
            if language.missing:
                yield f"\n{language.name} is {'MISSING' if self.strict else 'skipped'}: {language.missing}"
        for scenario in self.scenarios:
            for language in self.languages:
                outcome = self._outcome(scenario, language)
                if outcome is not None and outcome.failure:
                    yield f"\n✗ {language.name}, {scenario}"
                    yield from (f"    {line}" for line in outcome.failure.splitlines())
        marks = [self._mark(scenario, language) for scenario in self.scenarios for language in self.languages]
        yield f"\n{marks.count('✓')} passed, {marks.count('✗')} failed, {marks.count('-')} skipped"

    @property
    def failed(self) -> bool:
        return any(self._mark(scenario, language) == "✗" for scenario in self.scenarios for language in self.languages)

    def _table(self) -> Iterator[str]:
        width = max(len(str(scenario)) for scenario in self.scenarios)
        names = [language.name for language in self.languages]
        yield f"{'':{width}}  {'  '.join(names)}"
        for scenario in self.scenarios:
            marks = [f"{self._mark(scenario, language):^{len(language.name)}}" for language in self.languages]
            yield f"{scenario!s:{width}}  {'  '.join(marks)}".rstrip()

    def _mark(self, scenario: Scenario, language: Language) -> str:
        outcome = self._outcome(scenario, language)
        if outcome is None:
            return "✗" if self.strict else "-"
        return "✗" if outcome.failure else "✓"

    def _outcome(self, scenario: Scenario, language: Language) -> Outcome | None:
        return self.outcomes.get((str(scenario), language.name))
