"""CSV files of things: a header line with names of fields, then a line for each thing.

Spreadsheets read a cell that begins with = + - or @ as a formula: it is written with ' before it,
which reading takes away.
"""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tongdai import errors, messages
from tongdai.admin.bulk import Line

MEDIA_TYPE = "text/csv"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_DELIMITERS = (",", ";", "\t")


def write(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """The file, in UTF-8 with a mark by which spreadsheets know that."""
    cells = ([row[column] for column in columns] for row in rows)
    return header(columns) + written(cells)


def header(columns: Sequence[str]) -> bytes:
    """The first line, after the mark."""
    return codecs.BOM_UTF8 + written([columns])


def written(rows: Iterable[Iterable[Any]]) -> bytes:
    """The lines of these rows of values."""
    text = io.StringIO()
    csv.writer(text).writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def lines(body: bytes, columns: Sequence[str], most: int) -> Iterator[Line]:
    """The lines of the file, as texts by column without the empty cells, each with its place in
    the file. Raises errors.Invalid for a file that is no such one, or has more than `most` lines.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        raise errors.Invalid(messages.CSV_UTF8, field="body") from reason
    if "\0" in text:
        raise errors.Invalid(messages.NO_NUL, field="body")
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        yield from _rows(reader, _named(next(reader, []), columns), most)
    except csv.Error as reason:
        raise errors.Invalid(messages.NO_CSV(line=reader.line_num), field="body") from reason


def _named(cells: Sequence[str], columns: Sequence[str]) -> Sequence[str]:
    named = [cell.strip().lower() for cell in cells]
    if columns[0] not in named:
        raise errors.Invalid(messages.REQUIRED, field=columns[0])
    for place, name in enumerate(named):
        if name not in columns:
            raise errors.Invalid(messages.UNKNOWN_FIELD, field=name or "body")
        if name in named[:place]:
            raise errors.Invalid(messages.GIVEN_TWICE, field=name)
    return named


def _rows(reader: Any, names: Sequence[str], most: int) -> Iterator[Line]:
    count, before = 0, reader.line_num
    for cells in reader:
        place, before = before + 1, reader.line_num
        if not any(cells):
            continue
        if (count := count + 1) > most:
            raise errors.Invalid(messages.LINES_AT_MOST(most=most), field="body")
        if len(cells) > len(names):
            yield Line(place, errors.Invalid(messages.CELLS_BEYOND, field=names[-1]))
            continue
        texts = zip(names, (_text(cell) for cell in cells), strict=False)
        yield Line(place, {name: text for name, text in texts if text})


def _cell(value: Any) -> Any:
    """The value as csv writes it: None as an empty cell, numbers and ids by str()."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return str(value).lower() if isinstance(value, bool) else value


def _text(cell: str) -> str:
    is_marked = cell.startswith("'") and cell[1:].startswith(_FORMULA)
    return (cell[1:] if is_marked else cell).strip()
