"""The files of deploy/: they name settings, metrics and commands that exist."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

import tongdai.app
import tongdai.webhooks.metrics
from tongdai import settings, settings_file
from tongdai.api import click2call
from tongdai.cli import COMMANDS
from tongdai.client import http
from tongdai.pbx import directory

DEPLOY = Path(__file__).parents[1] / "deploy"
METRIC = re.compile(r"\btongdai_[a-z_]+")
UNITS = ("tongdai.service", "tongdai-backup.service", "tongdai-backup.timer")
SUFFIXES = ("_bucket", "_count", "_sum", "_total")


def plain(metric: str) -> str:
    """The metric without the ending that its kind gives it."""
    for suffix in SUFFIXES:
        metric = metric.removesuffix(suffix)
    return metric


def test_the_settings_of_the_service_are_settings() -> None:
    found = settings_file.read(DEPLOY / "tongdai.env")
    loaded = settings.load(found)
    known = {settings.PREFIX + name.upper() for name in loaded.__struct_fields__}
    assert found.keys() <= known
    assert loaded.base_url == "https://pbx.example.vn"


def test_alerts_ask_for_metrics_that_exist() -> None:
    registries = (REGISTRY, tongdai.webhooks.metrics.REGISTRY)
    known = {plain(metric.name) for registry in registries for metric in registry.collect()}
    rules = yaml.safe_load((DEPLOY / "prometheus-rules.yml").read_text())
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    asked = {plain(name) for alert in alerts for name in METRIC.findall(alert["expr"])}
    assert len(alerts) >= 10
    assert asked <= known
    assert all(alert["annotations"].keys() == {"summary", "description"} for alert in alerts)
    assert len({alert["alert"] for alert in alerts}) == len(alerts)


def test_nginx_waits_for_as_long_as_click_to_call_does() -> None:
    found = re.search(r"proxy_read_timeout (\d+)s;", (DEPLOY / "nginx.conf").read_text())
    assert found
    assert int(found[1]) > click2call.PICK_UP_S


def test_a_client_of_the_api_waits_as_long() -> None:
    assert http.ANSWER_S > click2call.PICK_UP_S


@pytest.mark.parametrize("timer", ["fr_inv_timer", "max_inv_lifetime"])
def test_kamailio_lets_phones_ring_for_as_long_as_they_may(timer: str) -> None:
    config = (DEPLOY / "kamailio" / "kamailio.cfg").read_text()
    found = re.search(rf'modparam\("tm", "{timer}", (\d+)\)', config)
    assert found
    assert int(found[1]) > max(directory.LONGEST_RING_S, *directory.GROUP_RING_S) * 1000


def panels() -> list[dict[str, Any]]:
    dashboard = json.loads((DEPLOY / "grafana" / "tongdai.json").read_text())
    found: list[dict[str, Any]] = dashboard["panels"]
    return found


def labels_of(metric: str) -> set[str]:
    """The names of the metric's labels; those of a histogram's buckets have `le`."""
    for registry in (REGISTRY, tongdai.webhooks.metrics.REGISTRY):
        if collector := registry._names_to_collectors.get(metric):
            ends = {"le"} if metric.endswith("_bucket") else set()
            return {*getattr(collector, "_labelnames", ()), *ends}
    raise AssertionError(f"there is no metric {metric}")


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_the_dashboard_asks_for_metrics_and_labels_that_exist(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        asked, legend = target["expr"], target["legendFormat"]
        [metric] = METRIC.findall(asked)
        grouped = re.findall(r"by \(([a-z_, ]+)\)", asked)
        selected = re.findall(r"([a-z_]+)=~?\"", asked)
        named = {name.strip() for names in grouped for name in names.split(",")}
        assert named | {*selected} <= labels_of(metric), target
        assert set(re.findall(r"{{(\w+)}}", legend)) <= labels_of(metric), target


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    taken = set[tuple[int, int]]()
    for panel in panels():
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not taken & cells, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in panels()}) == len(panels())


@pytest.mark.parametrize("name", ["nginx.conf", "Caddyfile"])
def test_proxies_keep_what_needs_no_token_inside(name: str) -> None:
    content = (DEPLOY / name).read_text()
    assert "metrics" in content
    assert "readyz" in content
    assert "127.0.0.1:8080" in content


def test_the_page_names_every_file() -> None:
    page = (DEPLOY.parent / "docs" / "production.md").read_text()
    for path in DEPLOY.iterdir():
        assert path.name in page


def test_the_unit_has_its_parts() -> None:
    unit = (DEPLOY / "tongdai.service").read_text()
    sections = [line for line in unit.splitlines() if line.startswith("[")]
    assert sections == ["[Unit]", "[Service]", "[Install]"]


def test_the_backup_of_each_night_runs_the_command_of_the_same_name() -> None:
    unit = (DEPLOY / "tongdai-backup.service").read_text()
    [command] = re.findall(r"^ExecStart=/opt/tongdai/bin/tongdai (\S+)", unit, re.MULTILINE)
    assert command in COMMANDS
    timer = (DEPLOY / "tongdai-backup.timer").read_text()
    assert "OnCalendar=" in timer
    assert "WantedBy=timers.target" in timer


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="this machine has no systemd")
@pytest.mark.parametrize("name", UNITS)
def test_systemd_takes_the_unit(tmp_path: Path, name: str) -> None:
    for each in UNITS:
        unit = (DEPLOY / each).read_text()
        here = unit.replace("/opt/tongdai/bin/tongdai", "/bin/true").replace("/opt/tongdai", "/")
        (tmp_path / each).write_text(here)
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / name)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"{name}:" not in verified.stderr, verified.stderr
