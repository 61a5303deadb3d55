"""Names of endpoints: those of devices, and those that are not."""

import pytest

from tongdai import ids
from tongdai.pbx.directory import Directory, Domain, Extension
from tongdai.pbx.endpoint import Endpoint


@pytest.mark.parametrize(
    ("name", "endpoint"),
    [
        ("101@a.vn", Endpoint("101", "a.vn")),
        ("101-browser@a.vn", Endpoint("101", "a.vn", "browser")),
        ("101-webrtc@a.vn", Endpoint("101", "a.vn", "webrtc")),
        ("10-desk-2@my-shop.a.vn", Endpoint("10", "my-shop.a.vn", "desk-2")),
    ],
)
def test_a_name_is_parsed_as_it_was_made(name: str, endpoint: Endpoint) -> None:
    assert Endpoint.parse(name) == endpoint
    assert str(endpoint) == name


@pytest.mark.parametrize(
    ("device", "user"), [("default", "101"), ("webrtc", "101"), ("desk", "101-desk")]
)
def test_the_user_that_a_device_registers_with(device: str, user: str) -> None:
    assert Endpoint("101", "a.vn", device).user == user


@pytest.mark.parametrize(
    "name",
    [
        "01a208b1-0000-7000-8000-000000000001",
        "101",
        "",
        "@a.vn",
        "alice@a.vn",
        "101-@a.vn",
        "101-2@a.vn",
        "101-Desk@a.vn",
        "101@",
        "1001@Tongdai",
        "101@a.vn)",
        "101@a.vn,b",
        "101@a.vn\n",
    ],
)
def test_a_name_that_is_no_devices(name: str) -> None:
    assert Endpoint.parse(name) is None


def test_a_call_to_an_extension_rings_all_its_devices() -> None:
    known = Directory(
        Domain(ids.new(), "a.vn"),
        {"101": Extension("101", devices=("default", "browser")), "102": Extension("102")},
    )
    assert known.endpoints("101") == ("101@a.vn", "101-browser@a.vn")
    assert known.endpoints("102") == ("102@a.vn",)
