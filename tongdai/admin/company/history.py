"""Rows of an earlier moment: the changes that the audit log tells since then, undone."""

from collections.abc import Iterable

from tongdai import errors, messages
from tongdai.store.audit import Entry
from tongdai.store.company import TABLES, Row, State

_TABLE_OF = {table.noun: name for name, table in TABLES.items()}
_HIDDEN = "***"


def undone(state: State, entries: Iterable[Entry]) -> State:
    """The rows before these changes, which are given the newest first. Raises errors.Gone where
    their values are erased, or do not lead back.
    """
    past = {name: [*rows] for name, rows in state.items()}
    for entry in entries:
        if (name := _TABLE_OF.get(entry.noun)) is not None:
            _undo(past[name], name, entry)
    return past


def _undo(rows: list[Row], name: str, entry: Entry) -> None:
    if entry.before is None or entry.after is None:
        raise errors.Gone(messages.LOG_INCOMPLETE)
    before, after = _known(name, entry.before), _known(name, entry.after)
    if entry.action == "delete":
        rows.append(before)
        return
    for row in rows:
        if _name_of(name, row) == entry.name and row | after == row:
            break
    else:
        raise errors.Gone(messages.LOG_INCOMPLETE)
    if entry.action == "create":
        rows.remove(row)
    else:
        row_before = row | before
        rows[rows.index(row)] = row_before


def _known(name: str, values: Row) -> Row:
    columns = TABLES[name].columns
    return {
        column: value for column, value in values.items() if column in columns and value != _HIDDEN
    }


def _name_of(name: str, row: Row) -> str:
    return " ".join(str(row[column]) for column in TABLES[name].key)
