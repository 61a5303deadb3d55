"""Files of comma-separated values with a line of column names."""

import csv
import io
from collections.abc import Sequence

from tongdai import errors, messages


def read(text: str, needed: Sequence[str]) -> list[dict[str, str]]:
    """The rows by column, whose names are in small letters. Raises errors.Invalid for what is no
    such file, or lacks a column, naming the line.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        columns = [column.strip().lower() for column in reader.fieldnames or ()]
        if missing := [one for one in needed if one not in columns]:
            raise errors.Invalid(messages.NO_COLUMN(names=", ".join(missing)), field="file")
        reader.fieldnames = columns
        found = []
        for row in reader:
            if None in row or None in row.values():
                why = messages.COLUMNS_DIFFER(line=reader.line_num)
                raise errors.Invalid(why, field="file")
            found.append({column: value.strip() for column, value in row.items()})
    except csv.Error as reason:
        why = messages.NOT_CSV(why=reason, line=reader.line_num)
        raise errors.Invalid(why, field="file") from reason
    return found
