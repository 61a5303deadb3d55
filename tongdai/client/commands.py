"""`tongdai --server URL NOUN VERB`: nouns, verbs and options are what the OpenAPI document of that
server has, so a server of another version has its own.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from tongdai.client import table
from tongdai.client.http import Api, Refused
from tongdai.client.profiles import Access

DOCUMENT = "/schema/openapi.json"
_VERBS = {
    ("get", False): "list",
    ("post", False): "create",
    ("get", True): "show",
    ("patch", True): "update",
    ("put", False): "apply",
    ("delete", True): "delete",
}
"""The verb of a method, on a path without and with a name at its end."""


class Verb(NamedTuple):
    """An operation: its method and path, the name at the path's end ("" for none), its options
    by name with their schemas, and those of them that go into the query.
    """

    method: str
    path: str
    name: str
    options: Mapping[str, Any]
    in_query: frozenset[str]
    required: frozenset[str]
    about: str
    media_type: str  # of a body that is no JSON, which --body gives; "" for JSON

    def is_asked(self, option: str) -> bool:
        """Whether the option goes into the query. So does an operator's domain, everywhere."""
        return option in self.in_query or (option == "domain" and option not in self.options)


def run(known: Access, noun: str, args: Sequence[str]) -> None:
    """Does the command and prints what came of it. Raises Refused."""
    api = Api(known.server)
    document = api.ask("GET", DOCUMENT)
    verbs = verbs_of(document, noun)
    if not verbs:
        known_nouns = ", ".join(sorted(nouns(document)))
        raise Refused(f"{noun} is nothing that {known.server} has: {known_nouns}", code=2)
    words = [word for word in args if word != "--json"]
    content = _taken(words, "--body")
    if not words or words[0] not in verbs or "--help" in words:
        print(_help(noun, verbs, words[0] if words else ""))  # noqa: T201
        if words and "--help" not in words:
            raise Refused(f"{noun} has no {words[0]}", code=2)
        return
    verb = verbs[words[0]]
    name, given = parsed(verb, words[1:], has_body=bool(content))
    api.log_in(known.api_key)
    path = verb.path.replace(f"{{{verb.name}}}", quote(name, safe="")) if verb.name else verb.path
    query = {option: given.pop(option) for option in [*given] if verb.is_asked(option)}
    has_body = verb.method in ("POST", "PATCH", "PUT")
    if verb.media_type and not content:
        raise Refused(f"--body FILE is needed: {verb.media_type}", code=2)
    body = _read(content, is_file=bool(verb.media_type)) if content else given
    answer = api.ask(verb.method, path, query, body if has_body else None, verb.media_type)
    if isinstance(answer, bytes):
        sys.stdout.buffer.write(answer)
        return
    print(table.shown(answer, as_json="--json" in args))  # noqa: T201


def nouns(document: Any) -> set[str]:
    """The nouns of the document's paths, as the command line has them: extension, cdr ..."""
    found = set()
    for path in document["paths"]:
        parts = path.strip("/").split("/")
        if parts[0] == "v1" and len(parts) > 1 and not parts[1].startswith("auth"):
            noun = parts[2] if parts[1] == "admin" else parts[1]
            one = noun.removesuffix("s")
            # of a company's records and all companies' the first are `cdr`
            is_other = parts[1] != "admin" or f"/v1/{one}" in document["paths"]
            found.add(noun if is_other else one)
    return found


def verbs_of(document: Any, noun: str) -> dict[str, Verb]:
    """What can be done with the noun. Where users and operators have the same verb, that of
    operators, over all domains, is `VERB-all`.
    """
    found: dict[str, Verb] = {}
    for base in (f"/v1/{noun}", f"/v1/admin/{noun}", f"/v1/admin/{noun}s", f"/v1/{noun}s"):
        for path, methods in document["paths"].items():
            if path == base or path.startswith(f"{base}/"):
                for verb, made in _verbs(document, path, path[len(base) + 1 :], methods):
                    is_taken = verb in found and base.startswith("/v1/admin/")
                    found.setdefault(f"{verb}-all" if is_taken else verb, made)
    return found


def _verbs(
    document: Any, path: str, rest: str, methods: Mapping[str, Any]
) -> Iterator[tuple[str, Verb]]:
    parts = rest.split("/") if rest else []
    name = parts[0].strip("{}") if parts and parts[0].startswith("{") else ""
    own = parts[1:] if name else parts
    for method, operation in methods.items():
        if method not in ("get", "post", "patch", "put", "delete"):
            continue
        if not own and (method, bool(name)) in _VERBS:
            verb = _VERBS[method, bool(name)]
        elif len(own) == 1 and not own[0].startswith("{"):
            verb = own[0].replace("_", "-")
            if method != "get" and "get" in methods:
                verb = f"{method}-{verb}"
        else:
            continue
        yield verb, _verb(document, method, path, name, operation)


def _verb(document: Any, method: str, path: str, name: str, operation: Mapping[str, Any]) -> Verb:
    in_query = {
        one["name"]: one["schema"]
        for one in operation.get("parameters", ())
        if one["in"] == "query"
    }
    body = operation.get("requestBody", {}).get("content", {})
    given: Any = next((one["schema"] for kind, one in body.items() if "json" in kind), {})
    schema = _object(document, given)
    options = {**in_query, **schema.get("properties", {})}
    return Verb(
        method.upper(),
        path,
        name,
        {option: _resolved(document, one) for option, one in options.items()},
        frozenset(in_query),
        frozenset(schema.get("required", ())),
        operation.get("summary", ""),
        "" if any("json" in kind for kind in body) else next(iter(body), ""),
    )


def _object(document: Any, given: Any) -> Any:
    """The schema, or that of its alternatives that has fields."""
    schema = _resolved(document, given)
    for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        if "properties" in (found := _resolved(document, one)) and found["properties"]:
            return found
    return schema


def _resolved(document: Any, schema: Any) -> Any:
    while isinstance(schema, dict) and "$ref" in schema:
        found = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


# --- the command line


def _taken(words: list[str], option: str) -> str:
    """The value of the option, which is taken out; "" without it."""
    if option not in words:
        return ""
    at = words.index(option)
    if at + 1 == len(words):
        raise Refused(f"{option} needs a value", code=2)
    value = words[at + 1]
    del words[at : at + 2]
    return value


def _read(file: str, *, is_file: bool) -> Any:
    """The JSON of the file, "-" for standard input; of another type the file as it is."""
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return content if is_file else json.loads(content)
    except (OSError, ValueError) as reason:
        raise Refused(f"--body {file}: {reason}", code=2) from reason


def parsed(
    verb: Verb, words: Sequence[str], *, has_body: bool = False
) -> tuple[str, dict[str, Any]]:
    """The name of the thing, and the given options by the names of their fields. Raises Refused.

    `create` takes the field that names a thing as a word too: `extension create 101`.
    """
    left, name, given = [*words], "", dict[str, Any]()
    while left:
        word = left.pop(0)
        if not word.startswith("-"):
            if verb.name and not name:
                name = word
            elif verb.method == "POST" and not verb.name and verb.required and not given:
                given[min(verb.required)] = word
            else:
                raise Refused(f"what is {word}?", code=2)
            continue
        field, value = _option(verb, word, left)
        given[field] = value
    if verb.name and not name:
        raise Refused("its name is needed", code=2)
    if (missing := sorted(verb.required - given.keys())) and not has_body:
        raise Refused(f"--{missing[0].replace('_', '-')} is needed", code=2)
    return name, given


def _option(verb: Verb, word: str, left: list[str]) -> tuple[str, Any]:
    """One option and its value, which is taken from `left`."""
    text, has_value, inline = word.partition("=")
    wanted = {"-d": "domain"}.get(text, text.lstrip("-").replace("-", "_"))
    field = next((one for one in (wanted, f"{wanted}_s") if one in verb.options), "")
    is_off = False
    if not field and wanted.startswith("no_"):
        field, is_off = wanted.removeprefix("no_"), True
    if not field and wanted in ("enable", "disable"):
        field, is_off = "enabled", wanted == "disable"
    if wanted == "domain" and not field:  # an operator's, which no operation lists
        return "domain", inline if has_value else _next(left, word)
    if field not in verb.options:
        raise Refused(f"there is no option {text}", code=2)
    kinds = _kinds(verb.options[field])
    if "boolean" in kinds and not has_value:
        return field, not is_off
    value = inline if has_value else _next(left, word)
    return field, _value(value, kinds, text)


def _next(left: list[str], word: str) -> str:
    if not left:
        raise Refused(f"{word} needs a value", code=2)
    value = left.pop(0)
    return sys.stdin.readline().rstrip("\r\n") if value == "-" else value


def _kinds(schema: Any) -> set[str]:
    """The JSON types that the schema takes."""
    kind = schema.get("type", ())
    found = {kind} if isinstance(kind, str) else {*kind}
    for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        found |= _kinds(one)
    return found


def _value(text: str, kinds: set[str], option: str) -> Any:
    """The value of the text: "a,b" for a list, null where the schema takes it."""
    if text == "null" and "null" in kinds:
        return None
    if "array" in kinds:
        return [part.strip() for part in text.split(",") if part.strip()]
    if kinds & {"integer", "number"}:
        try:
            return int(text) if "integer" in kinds else float(text)
        except ValueError:
            raise Refused(f"{option}: a number is needed", code=2) from None
    if "boolean" in kinds:
        return text.lower() in ("true", "yes", "1")
    if "object" in kinds:
        try:
            return json.loads(text)
        except ValueError:
            raise Refused(f"{option}: a JSON object is needed", code=2) from None
    return text


def _help(noun: str, verbs: Mapping[str, Verb], wanted: str) -> str:
    """What the noun can do, or the options of one verb."""
    if wanted not in verbs:
        lines = [f"  {verb:<12} {one.about}" for verb, one in verbs.items()]
        return "\n".join([f"tongdai --server ... {noun} VERB", *lines])
    verb = verbs[wanted]
    lines = [f"tongdai --server ... {noun} {wanted}{' NAME' if verb.name else ''}", verb.about]
    for option, schema in verb.options.items():
        kinds = " or ".join(sorted(_kinds(schema) - {"null"}))
        needed = ", needed" if option in verb.required else ""
        about = schema.get("description", "") if isinstance(schema, dict) else ""
        lines.append(f"  --{option.replace('_', '-'):<24} {kinds}{needed}  {about}")
    return "\n".join([*lines, "  --body FILE: all of it as JSON", "  --json: print JSON"])
