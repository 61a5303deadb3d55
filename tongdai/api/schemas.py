"""Schemas of the OpenAPI document: of what bodies and responses hold, and of every event.

They are derived from the structs that are read and rendered: nothing is described twice.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import UNSET, Meta

from tongdai.api import parameters
from tongdai.dialects import v1

Schema: TypeAlias = dict[str, Any]

_REF = "#/components/schemas/{name}"
EVENT = {"$ref": _REF.format(name="Event")}
EventBody: TypeAlias = Annotated[msgspec.Raw, Meta(extra_json_schema=EVENT)]
"""The bytes of an event's body, in a response. Its schema is the union of all events."""

# Of a body without a required field: PHP encodes an empty array as [].
_NOTHING: Schema = {
    "description": "No field is given: `null`, or an empty array as PHP encodes it.",
    "type": ["array", "null"],
    "items": {},
    "maxItems": 0,
}
_TEXT: Schema = {"type": "string"}
_BY_MEDIA_TYPE: Mapping[str, Schema] = {
    "application/x-ndjson": _TEXT,
    "application/yaml": _TEXT,
    "audio/wav": {"type": "string", "format": "binary"},
    "text/csv": _TEXT,
    "application/xml": _TEXT,
    "text/plain": _TEXT,
    "text/event-stream": _TEXT,
}
_FORM = "application/x-www-form-urlencoded"


def components(
    requests: Iterable[type], responses: Iterable[type], fields: Iterable[type]
) -> Schema:
    """All named schemas: of structs of request bodies, of responses, of `fields` (see
    `tongdai.api.operations`), and of events.
    """
    found = _of(requests) | _of_responses(responses) | _of_events()
    for kind in fields:
        found[kind.__name__], found[f"{kind.__name__}Form"] = _json(kind), _form(kind)
    return dict(sorted((found | {"Nothing": _NOTHING}).items()))


def response(content: Any) -> Schema:
    """The `content` of a response: of a struct, a media type, or several of both."""
    kinds = content if isinstance(content, tuple) else (content,)
    refs = [_ref(kind) for kind in kinds if not isinstance(kind, str)]
    described: Schema = {}
    if refs:
        described["application/json"] = {"schema": {"oneOf": refs} if refs[1:] else refs[0]}
    texts = (kind for kind in kinds if isinstance(kind, str))
    return described | {kind: {"schema": _BY_MEDIA_TYPE[kind]} for kind in texts}


def body(kind: type[msgspec.Struct]) -> Schema:
    """The `requestBody` of a struct. Its example has the fields that have one."""
    is_required = any(field.required for field in msgspec.structs.fields(kind))
    schema = _ref(kind) if is_required else {"anyOf": [_ref(kind), _ref_to("Nothing")]}
    example = {
        name: found["examples"][0]
        for name, found in _of((kind,))[kind.__name__]["properties"].items()
        if "examples" in found
    }
    content = {"application/json": {"schema": schema, "example": example}}
    return {"required": is_required, "content": content}


def fields(kind: type[msgspec.Struct]) -> Schema:
    """The `requestBody` of `fields`: JSON, where a number may stand for its digits, or a form."""
    example = {one.name: one.example for one in parameters.of(kind) if one.example is not None}
    content = {
        "application/json": {"schema": _ref(kind), "example": example},
        _FORM: {"schema": _ref_to(f"{kind.__name__}Form"), "example": example},
    }
    return {"required": True, "content": content}


def event(name: str) -> Schema:
    """A reference to the schema of the event's body."""
    return _ref_to(_event_name(name))


def _ref(kind: type) -> Schema:
    return _ref_to(kind.__name__)


def _ref_to(name: str) -> Schema:
    return {"$ref": _REF.format(name=name)}


def _of(kinds: Iterable[type]) -> Schema:
    """Schemas by name: of the structs, and of those in them. Without defaults: generators take a
    field that has one for one that is always there.
    """
    ordered = sorted({*kinds}, key=lambda kind: kind.__name__)
    _, found = msgspec.json.schema_components(ordered, ref_template=_REF)
    for schema in found.values():
        for described in schema.get("properties", {}).values():
            described.pop("default", None)
    return found


def _of_responses(kinds: Iterable[type]) -> Schema:
    """The same, where every field is there that can be."""
    found = _of(kinds)
    for struct in _structs(kinds):
        schema = found[struct.__name__]
        schema["required"] = [
            field.encode_name
            for field in msgspec.structs.fields(struct)
            if field.default is not UNSET
        ]
    return found


def _structs(kinds: Iterable[Any]) -> Iterator[type[msgspec.Struct]]:
    """The structs, and the structs in their fields, each once."""
    seen, waiting = set[Any](), [*kinds]
    while waiting:
        kind = waiting.pop()
        if kind in seen:
            continue
        seen.add(kind)
        waiting += _parts(kind)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            yield kind


def _parts(kind: Any) -> Iterator[Any]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield from (field.type for field in msgspec.structs.fields(kind))
    yield from getattr(kind, "__args__", ())


def _of_events() -> Schema:
    """One schema for each event, with its name as the only `state`, and their union."""
    plain = _of_responses(v1.EVENTS.values())
    named = {
        _event_name(name): _with_state(plain[kind.__name__], name)
        for name, kind in v1.EVENTS.items()
    }
    bodies = {kind.__name__ for kind in v1.EVENTS.values()}
    others = {name: schema for name, schema in plain.items() if name not in bodies}
    return others | named | {"Event": _union()}


def _with_state(schema: Schema, name: str) -> Schema:
    state = schema["properties"]["state"] | {"type": "string", "const": name}
    state.pop("enum", None)
    properties = schema["properties"] | {"state": state}
    return schema | {"title": _event_name(name), "properties": properties}


def _union() -> Schema:
    refs = {name: event(name) for name in v1.EVENTS}
    return {
        "description": "The body of an event; `state` says which.",
        "oneOf": [*refs.values()],
        "discriminator": {
            "propertyName": "state",
            "mapping": {name: ref["$ref"] for name, ref in refs.items()},
        },
    }


@cache
def _event_name(name: str) -> str:
    return "".join(part.capitalize() for part in re.split(r"\W", name)) + "Event"


def _json(kind: type[msgspec.Struct]) -> Schema:
    return _object(kind, {one.name: _json_of(one) for one in parameters.of(kind)})


def _form(kind: type[msgspec.Struct]) -> Schema:
    return _object(kind, {one.name: _form_of(one) for one in parameters.of(kind)})


def _object(kind: type[msgspec.Struct], properties: Schema) -> Schema:
    required = [one.name for one in parameters.of(kind) if one.is_required]
    summary = (kind.__doc__ or "").strip()
    return {
        "description": summary,
        "type": "object",
        "properties": properties,
        "required": required,
    }


def _json_of(one: parameters.Parameter) -> Schema:
    """The text, or any plain value that is read as its text; null counts as not given."""
    others = ["number"] if one.is_required else ["number", "boolean", "null"]
    if one.schema.keys() == {"type"}:
        kinds = dict.fromkeys([one.schema["type"], "string", *others])
        return _described(one) | {"type": [*kinds]}
    return _described(one) | {"anyOf": [one.schema, {"type": others}]}


def _form_of(one: parameters.Parameter) -> Schema:
    """Every value is text, also true, which may be written 1, yes or on."""
    is_truth = one.schema == {"type": "boolean"}
    return _described(one) | ({"type": ["boolean", "string"]} if is_truth else one.schema)


def _described(one: parameters.Parameter) -> Schema:
    return {"description": one.description} if one.description else {}
