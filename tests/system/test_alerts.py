"""promtool judges the metrics of a running sidecar, and the alert rules and dashboard over them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.metrics.catalog import METRICS, Kind
from tests.e2e.admin import ADMIN, Operator
from tests.e2e.authority import Authority
from tests.e2e.databases import make_database
from tests.e2e.running import EDIT, copy_pack, serving, until
from tests.metrics.scraping import samples_of
from tests.paths import ROOT

ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yaml"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboard.json"

RULES: dict[str, dict[str, Any]] = {
    rule["alert"]: rule for rule in yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
}

I = 'job="sidecar",instance="a"'  # noqa: E741  an instance

COUNTING = "0+10x60"
"""A counter that gains 10 in each minute of an hour."""

FIRING: dict[str, dict[str, str]] = {
    "SidecarDown": {f"up{{{I}}}": "0x60"},
    "SidecarNotReady": {f"sidecar_ready{{{I}}}": "0x60"},
    "SidecarFactsOld": {f"sidecar_facts_age_seconds{{{I}}}": "0+60x60"},
    "SidecarStaleDenials": {f'sidecar_denial_reasons_total{{{I},reason="stale_data"}}': COUNTING},
    "SidecarChangeRefused": {f"sidecar_problems{{{I}}}": "1x60"},
    "SidecarPolicyErrors": {f'sidecar_denial_reasons_total{{{I},reason="policy_error"}}': COUNTING},
    "SidecarDataErrors": {f'sidecar_denial_reasons_total{{{I},reason="data_error"}}': COUNTING},
    "SidecarFailures": {f'sidecar_rejections_total{{{I},cause="failed"}}': COUNTING},
    "SidecarOverloaded": {f'sidecar_rejections_total{{{I},cause="late"}}': COUNTING},
    "SidecarConnectionsFull": {
        f'sidecar_accept_pauses_total{{{I},cause="busy"}}': "0x60",
        f'sidecar_connections_closed_total{{{I},cause="room"}}': COUNTING,
    },
    "SidecarLimitsHit": {f'sidecar_rejections_total{{{I},cause="long_body"}}': COUNTING},
    "SidecarUnauthorized": {f'sidecar_rejections_total{{{I},cause="unknown_token"}}': COUNTING},
    "SidecarSlow": {
        f'sidecar_request_duration_seconds_bucket{{{I},endpoint="/v1/authorize",le="0.1"}}': "0x60",
        f'sidecar_request_duration_seconds_bucket{{{I},endpoint="/v1/authorize",le="+Inf"}}': (
            COUNTING
        ),
    },
    "SidecarInterpreted": {
        f'sidecar_decision_sources_total{{{I},source="interpreter"}}': "0+600x60"
    },
    "SidecarLogRefuses": {f'sidecar_rejections_total{{{I},cause="unlogged"}}': COUNTING},
    "SidecarLogLosesLines": {f"sidecar_decision_log_lost_lines_total{{{I}}}": COUNTING},
    "SidecarProcessesEnd": {f'sidecar_process_exits_total{{{I},process="worker"}}': COUNTING},
    "SidecarFollowerLate": {f"sidecar_follower_look_age_seconds{{{I}}}": "0+60x60"},
    "SidecarFollowerFails": {f'sidecar_follower_looks_total{{{I},result="failed"}}': COUNTING},
    "SidecarCertificateExpires": {
        f'sidecar_certificate_expiry_timestamp_seconds{{{I},listener="callers"}}': "86400x120"
    },
    "SidecarReplicasDiffer": {
        f"sidecar_facts_revision{{{I}}}": "1x60",
        'sidecar_facts_revision{job="sidecar",instance="b"}': "2x60",
    },
    "SidecarDenialsRise": {
        f'sidecar_decisions_total{{{I},decision="allow"}}': "0+10x1440 14400+1x60",
        f'sidecar_decisions_total{{{I},decision="deny"}}': "0+1x1440 1440+10x60",
    },
}
"""Series by which each alert fires at the end."""

QUIET: dict[str, str] = {
    f"up{{{I}}}": "1x60",
    f"sidecar_ready{{{I}}}": "1x60",
    f"sidecar_problems{{{I}}}": "0x60",
    f"sidecar_facts_age_seconds{{{I}}}": "1x60",
    f"sidecar_facts_revision{{{I}}}": "7x60",
    f"sidecar_follower_look_age_seconds{{{I}}}": "1x60",
    f'sidecar_policy_info{{{I},revision="p"}}': "1x60",
    f'sidecar_denial_reasons_total{{{I},reason="not_granted"}}': COUNTING,
    f'sidecar_rejections_total{{{I},cause="not_found"}}': COUNTING,
    f'sidecar_decision_sources_total{{{I},source="compiled"}}': COUNTING,
    f'sidecar_request_duration_seconds_bucket{{{I},endpoint="/v1/authorize",le="0.001"}}': COUNTING,
    f'sidecar_request_duration_seconds_bucket{{{I},endpoint="/v1/authorize",le="+Inf"}}': COUNTING,
    f'sidecar_process_exits_total{{{I},process="worker"}}': "0x30 1x30",
    f'sidecar_follower_looks_total{{{I},result="completed"}}': COUNTING,
    f"sidecar_decision_log_lost_lines_total{{{I}}}": "3x60",
    f'sidecar_certificate_expiry_timestamp_seconds{{{I},listener="callers"}}': "9e9x60",
}
"""Series of a sidecar that is well."""


def promtool(*arguments: str | Path, sent: str = "") -> str:
    done = subprocess.run(  # noqa: S603
        ["promtool", *arguments],  # noqa: S607  that of the path
        input=sent,
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def rule_test(series: dict[str, str], alerts: list[str], firing: bool) -> dict[str, Any]:  # noqa: FBT001
    at = "1500m" if any("x1440" in values for values in series.values()) else "60m"
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": each} for name, each in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) > 0',
                "eval_time": at,
                "exp_samples": [{"labels": "{}", "value": 1}] if firing else [],
            }
            for alert in alerts
        ],
    }


@pytest.mark.parametrize("alert", FIRING)
def test_an_alert_fires_when_it_should(tmp_path: Path, alert: str) -> None:
    tests = [rule_test(FIRING[alert], [alert], firing=True)]
    file = tmp_path / "tests.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "tests": tests}))

    promtool("test", "rules", file)


def test_no_alert_fires_of_a_sidecar_that_is_well(tmp_path: Path) -> None:
    tests = [rule_test(QUIET, list(RULES), firing=False)]
    file = tmp_path / "tests.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "tests": tests}))

    promtool("test", "rules", file)


def test_each_alert_has_a_test() -> None:
    assert set(FIRING) == set(RULES)


def test_promtool_accepts_the_rules() -> None:
    assert f"{len(RULES)} rules found" in promtool("check", "rules", ALERTS)


@pytest.mark.parametrize("alert", RULES)
def test_an_alert_says_what_to_do(alert: str) -> None:
    page, _, anchor = RULES[alert]["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(), re.MULTILINE)

    assert {"summary", "description", "runbook"} == set(RULES[alert]["annotations"])
    assert anchor == f"alert-{alert.lower()}"
    assert anchor in {heading.lower().replace(" ", "-") for heading in headings}


# --- a running sidecar --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What is scraped of a sidecar that has all there is: a follower, a log and a certificate."""
    root = copy_pack(tmp_path_factory.mktemp("scraped"))
    authority = Authority(root)
    certificate, key = authority.sign("server")
    make_database(root / "facts.sqlite", root / "fixtures", root / "data")
    options = (
        *("--data", "sqlite:facts.sqlite", "--store", "store"),
        *("--decision-log", "decisions", "--access-log", "yes"),
        *("--certificate", str(certificate), "--key", str(key)),
    )
    context = authority.context()
    with serving(root, *ADMIN, *options, context=context) as sidecar:
        until(lambda: sidecar.ready()[0] == 200)
        for said in (EDIT, {**EDIT, "subject": "user:mallory"}):
            assert sidecar.ask("/v1/authorize", said)[0] == 200
        operator = Operator(sidecar)
        until(lambda: "sidecar_follower_look_age" in operator.text("/metrics"))
        yield operator.text("/metrics")


def test_promtool_accepts_the_metrics(scraped: str) -> None:
    assert promtool("check", "metrics", sent=scraped) == ""


def test_every_metric_of_the_catalog_is_there(scraped: str) -> None:
    found = {name.split(" ")[0] for name in samples_of(scraped)}

    expected = {
        f"{each.name}_count" if each.kind is Kind.HISTOGRAM else each.name for each in METRICS
    }
    assert expected <= found


@pytest.mark.parametrize("file", [ALERTS, DASHBOARD], ids=lambda file: file.name)
def test_every_metric_that_is_named_exists(scraped: str, file: Path) -> None:
    found = {name.split(" ")[0] for name in samples_of(scraped)}

    named = set(re.findall(r"\bsidecar_\w+", file.read_text()))
    assert named - found == set()


def test_the_labels_that_the_dashboard_names_exist() -> None:
    labels = {label for metric in METRICS for label in metric.labels} | {"le", "job", "instance"}
    panels = json.loads(DASHBOARD.read_text())["panels"]
    queries = [target for panel in panels for target in panel["targets"]]

    for query in queries:
        named = set(re.findall(r"\{\{(\w+)\}\}", query["legendFormat"]))
        named |= set(re.findall(r"(\w+)=~?\"", query["expr"]))
        for group in re.findall(r"by \(([^)]*)\)", query["expr"]):
            named |= set(group.split(", "))
        assert named <= labels, query
