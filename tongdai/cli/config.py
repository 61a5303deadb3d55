"""tongdai config."""

from typing import Annotated

import typer

from tongdai import settings
from tongdai.cli import options, terminal


def config(
    *,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the page docs/settings.md.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Show every setting: its variable, its value now, its default and its meaning.

    Settings come from the environment, <data>/settings and /etc/tongdai.env. Those with a value
    of their own are marked with *.
    """
    known = settings.described(settings.load())
    if markdown:
        terminal.say(page(known))
    elif as_json:
        terminal.json(known)
    else:
        terminal.say("\n\n".join(map(_entry, known)))


def _entry(setting: settings.Setting) -> str:
    mark = " " if setting.value == setting.default else "*"
    return f"{mark} {setting.variable}={setting.value}\n    {setting.meaning}"


def page(known: list[settings.Setting]) -> str:
    """The settings as a Markdown page, without their values."""
    rows = [
        f"| `{one.variable}` | {f'`{one.default}`' if one.default else ''} | {one.meaning} |"
        for one in known
    ]
    return "\n".join([_BEFORE, *rows])


_BEFORE = """\
# Settings

Settings are environment variables. Those that every command must know stand in a file, one
`TONGDAI_HTTP=0.0.0.0:8080` a line: `<data>/settings`, or `/etc/tongdai.env` for the whole machine.
The environment is the strongest, then `<data>/settings`. With the file in place, `TONGDAI_DATA` is
all that another shell needs.
A wrong setting is named at the start, in one line; an empty one counts as not set.
`tongdai config` shows them with their present values, `tongdai doctor` checks what they lead to.
`tongdai up` takes the first few as options too: `tongdai up --help`.

This page is made by `tongdai config --markdown`; the texts are in `tongdai/settings.py`.

| Variable | Default | Meaning |
|---|---|---|"""
