"""Answers as people read them, in columns; or as JSON."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tongdai import columns

_WIDEST = 60  # characters of a cell in a list


def shown(answer: Any, *, as_json: bool) -> str:
    """The answer: a list as a table with a line each, anything else with a line for each field."""
    if isinstance(answer, str):  # a company file
        return answer.rstrip("\n")
    if as_json:
        return json.dumps(answer, ensure_ascii=False, indent=2)
    if isinstance(answer, dict) and isinstance(answer.get("data"), list):
        more = answer.get("next_cursor") or answer.get("next_scroll_id") or ""
        lines = _table(answer["data"])
        return "\n".join([*lines, *([f"more: --cursor {more}"] if more else [])])
    if isinstance(answer, list):
        return "\n".join(_table(answer))
    if isinstance(answer, dict):
        return "\n".join(columns.lines([(name, _cell(one)) for name, one in answer.items()]))
    return "" if answer is None else _cell(answer)


def _table(rows: Sequence[Any]) -> list[str]:
    things = [row if isinstance(row, Mapping) else {"value": row} for row in rows]
    names = [
        name
        for name in dict.fromkeys(name for row in things for name in row)
        if not any(isinstance(row.get(name), Mapping) for row in things)
    ]
    cells = [[_cell(row.get(name))[:_WIDEST] for name in names] for row in things]
    return columns.lines([names, *cells])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, Mapping) else str(value)
    return columns.printable(text)
