"""The alert rules and the dashboard agree with the code and the documents. `make check-metrics` plays them."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from ringback.metrics import catalogue

ROOT: Final = Path(__file__).parents[2]
RULES: Final = ROOT / "deploy/prometheus/alerts.yaml"
PLAYED: Final = RULES.with_name("alerts_test.yaml")
DASHBOARD: Final = ROOT / "deploy/grafana/ringback.json"
OPERATING: Final = ROOT / "docs/operating.md"
RUNBOOK: Final = "https://github.com/ringback/ringback/blob/main/docs/operating.md#"

_RULES: Final = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
ALERTS: Final = {rule["alert"]: rule for rule in _RULES if "alert" in rule}


@pytest.mark.parametrize("alert", ALERTS.values(), ids=ALERTS.keys())
def test_each_alert_says_what_to_do(alert: dict[str, Any]) -> None:
    name = alert["alert"]
    assert alert["annotations"]["runbook_url"] == f"{RUNBOOK}{name.lower()}"
    assert re.search(rf"^### {name}$", OPERATING.read_text(), re.MULTILINE)
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert alert["annotations"].keys() == {"summary", "description", "runbook_url"}


def test_each_alert_is_played_until_it_fires() -> None:
    fires = {
        each["alertname"]
        for test in yaml.safe_load(PLAYED.read_text())["tests"]
        for each in test.get("alert_rule_test", ())
        if each.get("exp_alerts")
    }
    assert fires == ALERTS.keys()


@pytest.mark.parametrize("path", [RULES, DASHBOARD, ROOT / "docs/metrics.md"], ids=lambda path: path.name)
def test_only_metrics_that_there_are_are_named(path: Path) -> None:
    text = path.read_text()
    recorded = {rule["record"].split(":")[1] for rule in _RULES if "record" in rule}
    known = {metric.full_name for metric in catalogue.ALL} | recorded
    known |= {f"{name}{end}" for name in known for end in ("_bucket", "_sum", "_count")}
    named = set(re.findall(r"\bringback_[a-z_]+\b", text))
    assert named - known == set()
    assert named


def test_every_metric_is_on_the_dashboard() -> None:
    """But for those that only say what something is."""
    queries = json.dumps(json.loads(DASHBOARD.read_text())["panels"])
    missing = {metric.name for metric in catalogue.ALL if metric.name not in queries}
    assert missing <= {"ringback_services", "ringback_service_max_queue_seconds"}
