"""The YAML of company files. Each value is read as its field wants it: 0901 and no are texts where
a text is wanted (YAML alone would make 577 and false of them). Refusals name path and line.
"""

import re
from collections.abc import Iterator
from typing import Any, TypeAlias

import msgspec
import yaml

from tongdai import errors, messages
from tongdai.admin.company import document
from tongdai.admin.company.document import Company
from tongdai.messages import Text

_MOST_CHARACTERS = 4_000_000
_DEEPEST = 8
_NULLS = ("", "~", "null", "Null", "NULL")

Lines: TypeAlias = dict[str, int]
"""The line of each path, such as `extensions[0].name`, from 1."""


class File(msgspec.Struct, frozen=True):
    """A file that was read, and the lines of its parts."""

    company: Company
    lines: Lines

    def refusal(self, reason: errors.TongdaiError, path: str) -> errors.TongdaiError:
        """The reason, which names this path, or that of its field below it, and the line."""
        field = f"{path}.{reason.field}" if reason.field else path
        line = self.lines.get(field) or self.lines.get(path, 1)
        return type(reason)(_at(line, reason.reason or reason.text("en")), field=field)


def read(text: str) -> File:
    """The file. Raises errors.Invalid naming the path and line of what is wrong."""
    if len(text) > _MOST_CHARACTERS:
        raise errors.Invalid(messages.AT_MOST_CHARACTERS(most=_MOST_CHARACTERS), field="file")
    lines: Lines = {}
    try:
        found = _Reader(text, lines).document()
    except yaml.MarkedYAMLError as reason:
        line = reason.problem_mark.line + 1 if reason.problem_mark else 1
        why = messages.NOT_YAML(why=reason.problem or reason)
        raise errors.Invalid(_at(line, why), field="file") from reason
    except (yaml.YAMLError, UnicodeError) as reason:
        raise errors.Invalid(messages.NOT_YAML(why=reason), field="file") from reason
    try:
        return File(msgspec.convert(found, Company, strict=False), lines)
    except msgspec.ValidationError as reason:
        raise _refused(str(reason), lines) from reason


def write(company: Company) -> str:
    """The file's text. What has its default value is left out."""
    return yaml.dump(
        document.given(company),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=95,
    )


class _Dumper(yaml.SafeDumper):
    """A list of texts stands in one line, and digits in quotes: others read 0901 as a number."""

    def represent_list(self, data: Any) -> yaml.SequenceNode:
        flow = all(isinstance(one, str) for one in data)
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flow)

    def represent_str(self, data: str) -> yaml.ScalarNode:
        style = "'" if data.isdigit() else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style)


_Dumper.add_representer(list, _Dumper.represent_list)
_Dumper.add_representer(str, _Dumper.represent_str)


class _Reader:
    """Reads one document of scalars, lists and mappings. Scalars stay texts, null is None."""

    def __init__(self, text: str, lines: Lines) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader)
        self._lines = lines

    def document(self) -> Any:
        next(self._events)  # the stream starts
        if isinstance(next(self._events), yaml.StreamEndEvent):
            raise errors.Invalid(messages.EMPTY_FILE, field="file")
        found = self._value(next(self._events), "")
        next(self._events)  # the document ends
        if not isinstance(after := next(self._events), yaml.StreamEndEvent):
            raise errors.Invalid(_at(_line(after), messages.ONE_DOCUMENT), field="file")
        return found

    def _value(self, event: Any, path: str) -> Any:
        self._lines.setdefault(path or "file", _line(event))
        if path.count(".") + path.count("[") > _DEEPEST:
            raise errors.Invalid(_at(_line(event), messages.TOO_DEEP), field=path)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        if isinstance(event, yaml.AliasEvent):
            raise errors.Invalid(_at(_line(event), messages.NO_ALIASES), field=path or "file")
        is_null = event.style is None and event.value in _NULLS
        return None if is_null else event.value

    def _mapping(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(key := next(self._events), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent):
                raise errors.Invalid(_at(_line(key), messages.NAME_NEEDED), field=path or "file")
            below = f"{path}.{key.value}" if path else key.value
            if key.value in found:
                raise errors.Invalid(_at(_line(key), messages.GIVEN_TWICE), field=below)
            self._lines[below] = _line(key)
            found[key.value] = self._value(next(self._events), below)
        return found

    def _sequence(self, path: str) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            found.append(self._value(event, f"{path}[{len(found)}]"))
        return found


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _at(line: int, why: Text | str) -> Text:
    """The reason with its line."""
    reason = why if isinstance(why, Text) else Text(why, why)
    en, vi = f"{reason.en} (line {line})", f"{reason.vi} (dòng {line})"
    return Text(en, vi, reason.is_whole)


def _refused(told: str, lines: Lines) -> errors.Invalid:
    """What msgspec tells, with the line."""
    what, _, where = told.partition(" - at `$")
    path = where.removesuffix("`").removeprefix(".")
    unknown = re.fullmatch("Object contains unknown field `(.*)`", what, re.DOTALL)
    missing = re.fullmatch("Object missing required field `(.*)`", what)
    if unknown:
        path = f"{path}.{unknown[1]}".removeprefix(".")
        return errors.Invalid(_at(lines.get(path, 1), messages.UNKNOWN_FIELD), field=path)
    if missing:
        line = lines.get(path or "file", 1)
        path = f"{path}.{missing[1]}".removeprefix(".")
        return errors.Invalid(_at(line, messages.NEEDED), field=path)
    why = messages.NEEDED if what.endswith("got `null`") else messages.of_refusal(what)
    return errors.Invalid(_at(lines.get(path, 1), why), field=path or "file")
