"""docs/commands.md, made from the command line itself: `python -m tests.commands_page` writes it
anew.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tongdai import cli

PAGE = Path(__file__).parents[1] / "docs" / "commands.md"
BEFORE = """\
# Commands

`bin/tongdai COMMAND`, from any folder; settings come from the environment \
([settings.md](settings.md)). Commands that
show something print a table for people, or JSON with `--json`. Exit codes: 0 done, 1 refused, \
2 wrong usage, 3 not
found, 4 not possible now (database away, wrong set-up).

This page is made by `python -m tests.commands_page`.
"""


def page() -> str:
    return (
        "\n".join(
            [BEFORE, *(line for path, command in commands() for line in _section(path, command))]
        )
        + "\n"
    )


def commands() -> Iterator[tuple[str, Any]]:
    """Every command by its path, such as `tongdai domain create`."""
    for name in cli.COMMANDS:
        yield from _below(f"tongdai {name}", cli.loaded(name))


def _below(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
        return
    for name, one in inner.items():
        yield from _below(f"{path} {name}", one)


def _section(path: str, command: Any) -> Iterator[str]:
    shown = [parameter for parameter in command.params if parameter.name != "help"]
    arguments = [
        (parameter.metavar or parameter.name.upper())
        for parameter in shown
        if _is_argument(parameter)
    ]
    yield f"\n## `{' '.join([path, *arguments])}`\n"
    yield _text(command.help)
    options = [parameter for parameter in shown if not _is_argument(parameter)]
    if options:
        yield "\n| Option | Meaning | Default |\n|---|---|---|"
        yield from map(_row, options)


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _row(option: Any) -> str:
    names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    choices = ", ".join(f"`{choice}`" for choice in getattr(option.type, "choices", ()))
    meaning = " ".join(filter(None, [option.help, choices and f"One of {choices}."]))
    return f"| {names} | {meaning} | {_default(option)} |"


def _default(option: Any) -> str:
    if isinstance(option.show_default, str):
        return option.show_default
    if option.show_default is False or option.default in (None, "", False):
        return ""
    return (
        f"`{str(option.default).lower() if isinstance(option.default, bool) else option.default}`"
    )


def _text(help_: str | None) -> str:
    """The command's help; examples as code."""
    paragraphs = [" ".join(paragraph.split()) for paragraph in (help_ or "").split("\n\n")]
    return "\n\n".join(
        f"    {paragraph.removeprefix('Example: ')}"
        if paragraph.startswith("Example: ")
        else paragraph
        for paragraph in paragraphs
    )


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
