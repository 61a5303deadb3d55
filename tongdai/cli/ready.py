"""Addresses, credentials and numbers for a new user: on the screen, and as ready.json for
programs.
"""

import os
import shlex
from typing import Any

import msgspec
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from tongdai import files, settings
from tongdai.app import Instance
from tongdai.sandbox import actors
from tongdai.sandbox.demo import PHONES, Demo
from tongdai.settings import READY, Settings


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
            "extensions": [
                {"extension": number, "password": demo.passwords[number]} for number in PHONES
            ],
            "hotline": demo.hotline,
            "ring_group": demo.ring_group,
            "queue": demo.queue,
            "sandbox": {
                "robots": {behaviour: actor.number for behaviour, actor in actors.ROBOTS.items()},
                "customers": {
                    behaviour: actor.number for behaviour, actor in actors.CUSTOMERS.items()
                },
            },
        }
    return found


def write(instance: Instance) -> None:
    """ready.json exists and is complete; a program that sees it may start."""
    text = msgspec.json.format(msgspec.json.encode(document(instance))) + b"\n"
    files.write(instance.settings.data / READY, text)


def remove(instance: Instance) -> None:
    """ready.json is gone: its addresses are no longer served."""
    (instance.settings.data / READY).unlink(missing_ok=True)


def show(instance: Instance) -> None:
    """The ready block, on standard output; fits 80 columns."""
    console = Console(highlight=False)
    console.print(
        Panel(_addresses(instance), title="tongdai is ready", title_align="left", expand=False)
    )
    if instance.demo:
        console.print(_session(instance.settings, instance.demo), markup=False, soft_wrap=True)
    console.print("\nCtrl-C stops everything; the data stays.", style="dim")


def _addresses(instance: Instance) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    base, demo = instance.settings.base_url, instance.demo
    rows = [
        ("API", base),
        ("reference", f"{base}/schema"),
        ("SIP", f"{instance.settings.sip} (UDP, TCP)"),
    ]
    if demo:
        rows += [
            ("domain", demo.domain),
            ("admin", f"{demo.username}  password {demo.password}"),
            ("API key", demo.api_key),
            *(
                (f"phone {number}", f"password {demo.passwords[number]}  {name}")
                for number, name in PHONES.items()
            ),
            (
                "hotline",
                f"{demo.hotline} rings group {demo.ring_group}; the queue is {demo.queue}",
            ),
            (
                "robots",
                _aligned([f"{actor.number} {name}" for name, actor in actors.ROBOTS.items()], 3),
            ),
            (
                "customers",
                _aligned(
                    [f"{actor.number} {name}" for name, actor in actors.CUSTOMERS.items()], 2
                ),
            ),
        ]
    rows += [
        ("data", str(instance.settings.data.absolute())),
        ("", f"{READY} there has all of this"),
    ]
    for name, value in rows:
        table.add_row(name, value)
    return table


def _aligned(entries: list[str], columns: int) -> str:
    """The entries, aligned in that many columns."""
    width = max(map(len, entries)) + 3
    lines = [entries[at : at + columns] for at in range(0, len(entries), columns)]
    return "\n".join("".join(entry.ljust(width) for entry in line).rstrip() for line in lines)


def _session(chosen: Settings, demo: Demo) -> str:
    robot, customer = actors.ROBOTS["answers"].number, actors.CUSTOMERS["hangs_up"].number
    first = min(PHONES)
    data = (
        ""
        if str(chosen.data) == "data"
        else f"TONGDAI_DATA={shlex.quote(str(chosen.data.absolute()))} "
    )
    return f"""
Paste this: robot phone {robot} calls a customer who hangs up after {actors.HANGS_UP_S} seconds,
and the recording of both is in call.wav.

API={chosen.base_url}
TOKEN=$(curl -s $API/v1/auth/token \\
  -d api_key={demo.api_key} |
  sed 's/.*"token":"\\([^"]*\\)".*/\\1/')
curl -s "$API/v1/click2call?ext={robot}&phone={customer}" \\
  -H "Authorization: Bearer $TOKEN"; echo; sleep {actors.HANGS_UP_S + 3}
curl -s "$API/v1/cdr?page=1&limit=1" -H "Authorization: Bearer $TOKEN" |
  tee cdr.json; echo
curl -s -o call.wav $(sed 's/.*"recording_url":"\\([^"]*\\)".*/\\1/' cdr.json)

Your own phone: user {first}, domain {demo.domain},
password {demo.passwords[first]}, proxy {chosen.sip}. A customer calls it by
  {data}bin/tongdai sandbox call
"""
