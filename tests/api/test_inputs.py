"""Every input is either taken and harmless, or refused with a named field."""

import contextlib
import itertools
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, TypeVar
from urllib.parse import quote_from_bytes
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tongdai import errors, ids
from tongdai.api import byte_ranges, cdrs, click2call, filters, inputs, parameters, problems
from tongdai.api.principals import Principal
from tongdai.api.scrolls import Scroll, Scrolls
from tongdai.api.tokens import Tokens
from tongdai.encryption import MasterKey
from tongdai.pbx import numbers
from tongdai.store import cdr_filter, cdr_search, users

SEAL = MasterKey(bytes(range(32)))
PRINCIPAL = Principal(
    users.Principal(
        ids.new(),
        ids.new(),
        "foo",
        "admin",
        api_key_version=1,
        user_enabled=True,
        domain_enabled=True,
        domain_name="x.vn",
        time_zone="Asia/Ho_Chi_Minh",
        country="84",
    ),
    cached_until=0,
)
SPICY = st.text(st.sampled_from('0189+ .-()"<>\\;\r\n\0@/&=%aé\u2028\u0085\ud800１٠'), max_size=80)
ANY = st.one_of(st.text(max_size=80), SPICY, st.from_regex(r"\+?[0-9 .()-]{0,25}", fullmatch=True))


Read = TypeVar("Read")


def fields(given: dict[str, str]) -> inputs.Fields:
    return inputs.Fields(list(given.items()))


def taken(read: Callable[[inputs.Fields], Read], wild: dict[str, str]) -> Read | None:
    """The value that was read; None if it was refused, naming one of the fields."""
    try:
        return read(fields(wild))
    except errors.Invalid as reason:
        refused = reason.field
    assert refused in wild
    return None


def wanted_by(asked: inputs.Fields, principal: Principal) -> cdr_filter.Filter:
    return filters.of(parameters.read(cdrs.CdrQuery, asked), principal)


CALL = (
    "ext",
    "phone",
    "src_cid_name",
    "src_cid_number",
    "dest_cid_name",
    "dest_cid_number",
    "auto_answer",
    "hotline",
    "customer_id",
    "wait",
)
PHONE = re.compile(r"(\+?[0-9]{2,18})?", re.ASCII)
NAME = re.compile(r'[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff<>"\\;]{0,64}')


@settings(max_examples=500)
@given(
    st.fixed_dictionaries({"ext": st.just("101"), "phone": st.just("113")}),
    st.dictionaries(st.sampled_from(CALL), ANY),
)
def test_no_call_carries_anything_but_digits_and_plain_names(
    good: dict[str, str], wild: dict[str, str]
) -> None:
    command = taken(
        lambda asked: click2call.command_of(parameters.read(click2call.Click, asked)), good | wild
    )
    if command is None:
        return
    assert re.fullmatch("[0-9]{2,8}", command.ext, re.ASCII)
    for number in (
        command.phone,
        command.src_cid_number,
        command.dest_cid_number,
        command.hotline,
    ):
        assert PHONE.fullmatch(number)
    for name in (command.src_cid_name, command.dest_cid_name):
        assert NAME.fullmatch(name)
    assert "\n" not in command.customer_id
    assert "\r" not in command.customer_id


CDR = (
    "start_date",
    "end_date",
    "duration",
    "extension",
    "recordingfile",
    "status",
    "phone",
    "direction",
)


@settings(max_examples=500)
@given(st.dictionaries(st.sampled_from(CDR), ANY))
def test_filters_are_what_the_database_can_take(wild: dict[str, str]) -> None:
    wanted = taken(lambda asked: wanted_by(asked, PRINCIPAL), wild)
    if wanted is None:
        return
    assert cdr_filter.FIRST <= wanted.since <= cdr_filter.LAST
    assert cdr_filter.FIRST <= wanted.until <= cdr_filter.LAST
    assert all(0 <= duration < 2**31 for duration in wanted.durations)
    assert not any("\0" in text for text in wanted.recordings + wanted.extensions + wanted.phones)


@settings(max_examples=300)
@given(
    st.datetimes(),
    st.sampled_from(["Asia/Ho_Chi_Minh", "America/Los_Angeles", "Pacific/Kiritimati", "UTC"]),
)
def test_any_date_there_is_can_be_asked_for(moment: Any, zone: str) -> None:
    user = users.Principal(
        ids.new(),
        ids.new(),
        "foo",
        "admin",
        api_key_version=1,
        user_enabled=True,
        domain_enabled=True,
        domain_name="x.vn",
        time_zone=zone,
        country="84",
    )
    asked = fields({"start_date": str(moment), "end_date": str(moment)})
    wanted = wanted_by(asked, Principal(user, cached_until=0))

    assert (
        wanted.since <= wanted.until <= wanted.since + timedelta(seconds=1)
        or wanted.since == cdr_filter.FIRST
    )
    for limit in (wanted.since, wanted.until):
        assert cdr_filter.FIRST <= limit <= cdr_filter.LAST
    cdr_search._split(wanted, ZoneInfo(zone))


@settings(max_examples=300)
@given(
    st.one_of(
        ANY,
        st.binary(max_size=200).map(quote_from_bytes),
        st.from_regex(r"[A-Za-z0-9_=-]{0,200}", fullmatch=True),
    )
)
def test_no_text_of_somebody_elses_is_a_scroll_id(text: str) -> None:
    with pytest.raises(errors.Invalid) as refused:
        Scrolls(SEAL).read(ids.new(), text)
    assert refused.value.field == "scroll_id"


@settings(max_examples=200)
@given(
    st.datetimes(timezones=st.just(ZoneInfo("UTC"))),
    st.uuids(),
    st.integers(1, 500),
    st.lists(st.text(max_size=20), max_size=5),
)
def test_a_scroll_comes_back_whole(moment: Any, name: UUID, limit: int, texts: list[str]) -> None:
    scroll = Scroll(
        cdr_filter.Filter(since=moment, extensions=tuple(texts)),
        limit,
        cdr_filter.Position(moment, name),
    )
    text = Scrolls(SEAL).write(name, scroll)

    assert re.fullmatch(r"[A-Za-z0-9_-]+={0,2}", text)
    assert Scrolls(SEAL).read(name, text) == scroll


@settings(max_examples=500)
@given(
    st.one_of(
        ANY,
        st.from_regex(
            r"[A-Za-z0-9_=-]{0,80}\.[A-Za-z0-9_=-]{0,80}\.[A-Za-z0-9_=-]{0,80}", fullmatch=True
        ),
        st.binary(max_size=60).map(lambda data: data.decode("latin-1")),
    )
)
def test_no_text_of_somebody_elses_is_a_token(text: str) -> None:
    with pytest.raises(errors.NotAuthenticated):
        Tokens(SEAL, 60).read(text)


def changed(token: str, places: list[tuple[int, str]]) -> str:
    """The token with characters put in the place of some."""
    for place, char in places:
        at = place % len(token)
        token = token[:at] + char + token[at + 1 :]
    return token


LETTERS = st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=")


@pytest.mark.parametrize(
    ("written", "phone"),
    [
        ("+12125550100", "+12125550100"),
        ("%2B12125550100", "+12125550100"),
        ("+84899098899", "+84899098899"),
        ("0899+098+899", "0899 098 899"),
        ("+101", "101"),
    ],
)
def test_a_plus_before_a_telephone_number_is_one(written: str, phone: str) -> None:
    """Not every client encodes it; read as a space, a number abroad would become another."""
    scope = {"query_string": f"a=1&phone={written}".encode()}
    request: Any = SimpleNamespace(scope=scope)

    assert inputs.query(request).last("phone") == phone


@settings(max_examples=500)
@given(
    st.lists(st.tuples(st.integers(0, 1000), LETTERS), min_size=1, max_size=3), st.integers(-3, 0)
)
def test_a_token_of_ours_with_anything_changed_is_none(
    places: list[tuple[int, str]], cut: int
) -> None:
    tokens = Tokens(SEAL, 60)
    token, _ = tokens.issue(ids.new(), ids.new(), 1)
    mutated = changed(token, places)[: cut or None]
    assume(mutated != token)
    with pytest.raises(errors.NotAuthenticated):
        tokens.read(mutated)


def test_parts_of_several_tokens_make_none() -> None:
    tokens = Tokens(SEAL, 60)
    parts = [
        part for _ in range(2) for part in tokens.issue(ids.new(), ids.new(), 1)[0].split(".")
    ]
    good = {".".join(parts[:3]), ".".join(parts[3:])}
    for chosen in itertools.product(parts, repeat=3):
        if (mixed := ".".join(chosen)) not in good | {
            one.replace(parts[0], parts[3]) for one in good
        }:
            with pytest.raises(errors.NotAuthenticated):
                tokens.read(mixed)


@pytest.mark.parametrize("algorithm", ["none", "None", "HS512", "RS256", ""])
def test_a_token_that_chooses_its_algorithm_is_none(algorithm: str) -> None:
    tokens = Tokens(SEAL, 60)
    token, _ = tokens.issue(ids.new(), ids.new(), 1)
    head, claims, signature = token.split(".")
    told = msgspec.json.decode(urlsafe_b64decode(head + "=="))
    forged = (
        urlsafe_b64encode(msgspec.json.encode(told | {"alg": algorithm})).rstrip(b"=").decode()
    )
    for end in (signature, ""):
        with pytest.raises(errors.NotAuthenticated):
            tokens.read(f"{forged}.{claims}.{end}")


@given(
    ANY
    | st.lists(
        st.sampled_from(["vi", "en", "*", ";q=", "0.8", "x", ",", "-VN", "1e999", "nan"])
    ).map("".join)
)
def test_any_accept_language_is_one_of_ours(text: str) -> None:
    assert problems.language_of(text) in ("vi", "en")


@given(
    ANY | st.from_regex(r"bytes=[0-9]{0,20}-[0-9]{0,20}", fullmatch=True), st.integers(0, 10_000)
)
def test_any_range_lies_in_the_file_or_is_refused(text: str, size: int) -> None:
    with contextlib.suppress(problems.RangeNotSatisfiable):
        part = byte_ranges._span(text, size)
        assert part is None or 0 <= part[0] <= part[1] < size


@given(ANY)
def test_an_extension_is_digits(text: str) -> None:
    with contextlib.suppress(errors.InvalidExtension):
        assert re.fullmatch("[0-9]{2,8}", numbers.extension(text), re.ASCII)


def test_a_token_says_who_by_which_key_and_until_when() -> None:
    tokens, domain, user = Tokens(SEAL, 60), ids.new(), ids.new()
    token, expires = tokens.issue(domain, user, 7)
    claims = tokens.read(token)

    assert (domain, user, 7, expires) == (claims.dom, claims.sub, claims.key, claims.exp)
    assert claims.exp - claims.iat == 60


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("abcd.mp3", "abcd"),
        ("abcd", "abcd"),
        ("a.b.wav", "a.b"),
        ("/x/y/abcd.wav", "abcd"),
        ("http://r.example/recordings/abcd", "abcd"),
        ("https://r.example/recordings/abcd.wav?x=1#y", "abcd"),
    ],
)
def test_the_name_of_a_recording_is_what_all_its_writings_share(text: str, name: str) -> None:
    assert filters.recording_name(text) == name
