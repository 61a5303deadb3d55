"""What a new user needs once everything runs: on the screen, and as ready.json for programs."""

import os
from typing import Any

import msgspec
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from tongdai import settings
from tongdai.app import Instance
from tongdai.sandbox import cast
from tongdai.sandbox.demo import PHONES

FILE = "ready.json"


def document(instance: Instance) -> dict[str, Any]:
    """ready.json: addresses, credentials, numbers."""
    host, port = settings.address(instance.settings.sip)
    found: dict[str, Any] = {
        "base_url": instance.settings.base_url,
        "sip": {"host": host, "port": port},
        "pid": os.getpid(),
    }
    if demo := instance.demo:
        found |= {
            "domain": demo.domain,
            "admin": {"username": demo.username, "password": demo.password},
            "api_key": demo.api_key,
            "extensions": [{"extension": number, "password": demo.passwords[number]} for number in PHONES],
            "hotline": demo.hotline,
            "ring_group": demo.ring_group,
            "queue": demo.queue,
            "sandbox": {
                "robots": {behaviour: player.number for behaviour, player in cast.ROBOTS.items()},
                "customers": {behaviour: player.number for behaviour, player in cast.CUSTOMERS.items()},
            },
        }
    return found


def write(instance: Instance) -> None:
    """ready.json is there, complete: whoever sees it may begin."""
    path = instance.settings.data / FILE
    draft = path.with_name(f".{FILE}")
    draft.touch(mode=0o600)
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(document(instance))) + b"\n")
    draft.replace(path)


def remove(instance: Instance) -> None:
    """Nobody begins with what is no more."""
    (instance.settings.data / FILE).unlink(missing_ok=True)


def show(instance: Instance) -> None:
    """The ready block, on standard output."""
    console = Console()
    console.print(Panel(_addresses(instance), title="tongdai is ready", title_align="left", expand=False))
    if instance.demo:
        console.print(_session(instance), highlight=False, markup=False, soft_wrap=True)
    console.print("\nCtrl-C stops everything; the data stays.", style="dim")


def _addresses(instance: Instance) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    base, demo = instance.settings.base_url, instance.demo
    rows = [("API", base), ("reference", f"{base}/schema"), ("SIP", f"{instance.settings.sip} (UDP, TCP)")]
    if demo:
        rows += [
            ("domain", demo.domain),
            ("admin", f"{demo.username}   password {demo.password}"),
            ("API key", demo.api_key),
            *((f"phone {number}", f"{name}   password {demo.passwords[number]}") for number, name in PHONES.items()),
            ("hotline", f"{demo.hotline} rings group {demo.ring_group}; queue {demo.queue}"),
            ("robots", "   ".join(f"{player.number} {name}" for name, player in cast.ROBOTS.items())),
            ("customers", "   ".join(f"{player.number} {name}" for name, player in cast.CUSTOMERS.items())),
        ]
    rows.append(("data", f"{instance.settings.data.absolute()} ({FILE} has all of this)"))
    for name, value in rows:
        table.add_row(f"[bold]{name}[/]  ", value)
    return table


def _session(instance: Instance) -> str:
    demo, base = instance.demo, instance.settings.base_url
    assert demo is not None
    robot, customer = cast.ROBOTS["answers"].number, cast.CUSTOMERS["hangs_up"].number
    return f"""
Paste this: a robot phone ({robot}) calls a simulated customer, and the call is recorded.

TOKEN=$(curl -s -X POST {base}/v1/auth/token -H 'Content-Type: application/json' \\
  -d '{{"api_key": "{demo.api_key}"}}' | python3 -c 'import json,sys; print(json.load(sys.stdin)["data"]["token"])')
curl -s "{base}/v1/click2call?ext={robot}&phone={customer}" -H "Authorization: Bearer $TOKEN"; sleep 7
curl -s "{base}/v1/cdr?limit=1&page=1" -H "Authorization: Bearer $TOKEN"

Your own phone: user 101, domain {demo.domain}, password {demo.passwords["101"]}, proxy {instance.settings.sip}.
Have a customer call it:  .venv/bin/python -m tongdai sandbox call
"""
