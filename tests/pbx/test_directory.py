"""Look-ups in a domain's directory."""

import pytest

from tests.pbx import company
from tests.pbx.company import COMPANY
from tongdai.pbx.directory import Directory, Extension


def having(*texts: str) -> Directory:
    context = company.context()
    for text in texts:
        context = company.given(context, text)
    return context.directory


@pytest.mark.parametrize("written", ["19001919", "+8419001919", "8419001919"])
def test_a_hotline_by_any_way_to_write_it(written: str) -> None:
    assert COMPANY.hotline(written) == COMPANY.hotlines["19001919"]


@pytest.mark.parametrize(
    "written", ["02812345678", "+842812345678", "842812345678", "00842812345678"]
)
def test_a_geographic_hotline_by_any_way_to_write_it(written: str) -> None:
    directory = having("hotline 842812345678 number=02812345678")
    found = directory.hotline(written)
    assert found
    assert found.number == "02812345678"


@pytest.mark.parametrize("written", ["", "1900", "0899888999", "anonymous"])
def test_what_is_no_hotline(written: str) -> None:
    assert COMPANY.hotline(written) is None


def test_the_hotline_shown_is_the_extensions_own() -> None:
    directory = having("hotline 842812345678 number=02812345678")
    own = directory.default_hotline(Extension("101", hotline="02812345678"))
    assert own == directory.hotlines["842812345678"]


@pytest.mark.parametrize(
    ("extension", "hotlines", "shown"),
    [
        (Extension("101"), [], "19001919"),
        (None, [], "19001919"),
        (Extension("101", hotline="19009999"), [], "19001919"),  # one that is no more
        (
            Extension("101", hotline="02812345678"),
            ["842812345678 number=02812345678 enabled=false"],
            "19001919",
        ),
        # no default: the first
        (None, ["19001919 is_default=false", "18001919 number=18001919"], "18001919"),
        (None, ["19001919 enabled=false", "18001919 number=18001919"], "18001919"),
        (None, ["19001919 enabled=false"], None),
    ],
)
def test_the_hotline_shown_else(
    extension: Extension | None, hotlines: list[str], shown: str | None
) -> None:
    found = having(*(f"hotline {text}" for text in hotlines)).default_hotline(extension)
    assert (found.number if found else None) == shown


@pytest.mark.parametrize(
    ("domain", "caller", "callee", "is_recorded"),
    [
        ("true", "", "", True),
        ("false", "", "", False),
        ("true", "false", "", False),
        ("true", "", "false", False),
        ("true", "true", "false", False),
        ("false", "true", "", True),
        ("false", "", "true", True),
        ("false", "true", "true", True),
    ],
)
def test_a_talk_is_recorded(domain: str, caller: str, callee: str, *, is_recorded: bool) -> None:
    directory = having(
        f"domain recording={domain}",
        *(
            f"extension {name} recording={says}"
            for name, says in (("101", caller), ("102", callee))
            if says
        ),
    )
    assert directory.records("101", "102") is is_recorded
    assert directory.records("102", "101", "", "199") is is_recorded


def test_a_talk_with_nobody_of_ours_is_recorded_as_the_domain_says() -> None:
    assert COMPANY.records()
    assert not having("domain recording=false").records()
