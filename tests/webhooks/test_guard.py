"""The addresses that callbacks may reach."""

import contextlib
import socket
from pathlib import Path

import pytest
import yarl
from hypothesis import given
from hypothesis import strategies as st

from tongdai import errors
from tongdai.store import checks
from tongdai.webhooks import guard
from tongdai.webhooks.guard import Guard

HERE = Path(__file__).parent
FORBIDDEN_ADDRESSES = (HERE / "forbidden_addresses.txt").read_text().split()

PUBLIC_ADDRESSES = (HERE / "public_addresses.txt").read_text().split()

FORBIDDEN_HOSTS = (HERE / "forbidden_hosts.txt").read_text().split()

BAD_URLS = [
    "",
    "crm.example.vn",
    "//crm.example.vn/",
    "/hook",
    "http:",
    "http://",
    "http:///hook",
    "http:crm.example.vn",
    "ftp://crm.example.vn/",
    "file:///etc/passwd",
    "gopher://crm.example.vn:70/",
    "javascript:alert(1)",
    "http://crm.example.vn:0/",
    "http://crm.example.vn:22/",
    "http://crm.example.vn:25/",
    "http://crm.example.vn:5432/",
    "http://crm.example.vn:6379/",
    "http://crm.example.vn:5060/",
    "http://crm.example.vn:65536/",
    "http://crm.example.vn:-1/",
    "http://crm.example.vn:80:80/",
    "http://user@crm.example.vn/",
    "http://user:password@crm.example.vn/",
    "http://:password@crm.example.vn/",
    "http://crm.example.vn\\@evil.example.vn/",
    "http://crm.example.vn /",
    " http://crm.example.vn/",
    "http://crm.example.vn/ hook",
    "http://crm.example.vn/\r\nX-Evil: 1",
    "http://crm.exam\tple.vn/",
    "http://crm.example.vn/\x00",
    "http://crm..example.vn/",
    "http://.example.vn/",
    "http://-crm.example.vn/",
    "http://crm_.-.vn/",
    "http://exa%6dple.vn/",
    "http://crm,example.vn/",
    "http://[::1/",
    "http://" + "a" * 64 + ".vn/",
    "http://" + "a." * 130 + "vn/",
    "http://crm.example.vn/" + "a" * 2048,
]

# in the reviews of clients: what yarl writes otherwise
SIGNED_URLS = [
    "https://prod.example.vn/workflows/1?sig=a%2Fb%2Bc%3D%3D&sp=%2Ftriggers%2Frun",
    "https://prod.example.vn/?x=%21%27%40%3A%2C&y=%c3%A9&z=a+b%20c",
    "https://prod.example.vn/a/../b/./c//d?q=/?:@!$'()*,;",
    "https://prod.example.vn/%7Ename/%41%2e%2E?",
]
GOOD_URLS = [
    "https://webhook.demo/",
    "http://crm.example.vn",
    "HTTPS://CRM.example.vn/hook?token=a@b&x=1#part",
    "http://crm.example.vn:8080/hook",
    "http://crm.example.vn:3000/hook",
    "https://crm.example.vn:443/",
    "http://tổngđài.vn/sự-kiện",
    "http://my_crm.example.vn./",
    "http://intranet/hook",
    "http://8.8.8.8/",
    "http://8.8.8.8:8000/",
    "https://[2606:4700:4700::1111]:8443/hook",
    "http://1password.example.vn/",
    "http://xn--tngi-2na70a925p.vn/",
]


@pytest.mark.parametrize("address", FORBIDDEN_ADDRESSES)
def test_no_socket_goes_there(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with pytest.raises(guard.Refused):
        Guard().socket((family, socket.SOCK_STREAM, 0, "", (address, 80)))


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES)
def test_public_addresses_are_reached(address: str) -> None:
    assert Guard().permits(address)


@pytest.mark.parametrize("host", FORBIDDEN_HOSTS)
def test_forbidden_hosts_are_refused_before_they_are_looked_up(host: str) -> None:
    with pytest.raises(errors.Invalid) as refused:
        Guard().acceptable(f"http://{host}:8080/hook")

    assert refused.value.field == "callback_url"


@pytest.mark.parametrize("url", BAD_URLS)
def test_bad_urls_are_refused(url: str) -> None:
    with pytest.raises(errors.Invalid):
        Guard().acceptable(url)


@pytest.mark.parametrize("url", GOOD_URLS)
def test_good_urls_are_taken(url: str) -> None:
    assert Guard().acceptable(url).scheme in ("http", "https")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "localhost", "crm.localhost", "[::ffff:127.0.0.1]"]
)
def test_loopback_is_reached_where_it_is_allowed(host: str) -> None:
    Guard(["127.0.0.0/8", "::1/128"]).acceptable(f"http://{host}:8080/hook")


@pytest.mark.parametrize(
    "host", ["10.1.2.3", "169.254.169.254", "2130706433", "127.1", "[fd00::1]", "0.1.2.3"]
)
def test_an_allowed_network_allows_no_other(host: str) -> None:
    with pytest.raises(errors.Invalid):
        Guard(["127.0.0.0/8", "::1/128", "10.9.0.0/16"]).acceptable(f"http://{host}:8080/hook")


@pytest.mark.parametrize(
    "apikey", ["foo", "Bearer eyJhbGciOiJSU0EtT0FFUC0yNTYi.Ab==", "~", "a" * 1024, "a b  c"]
)
def test_header_values_are_taken(apikey: str) -> None:
    checks.header_value(apikey, "callback_apikey")


@pytest.mark.parametrize(
    "apikey",
    [
        "",
        " ",
        " foo",
        "foo ",
        "foo\r\nX-Evil: 1",
        "foo\n",
        "foo\x00",
        "foo\x0bbar",
        "foo\x7f",
        "khoá",
        "a" * 1025,
        "a\tb",
    ],
)
def test_what_no_header_can_hold_is_refused(apikey: str) -> None:
    with pytest.raises(errors.Invalid) as refused:
        checks.header_value(apikey, "callback_apikey")

    assert refused.value.field == "callback_apikey"


PARTS = st.sampled_from([
    "http://", "https://", "//", "127.0.0.1", "localhost", "[::1]", "[fe80::1%25eth0]", "0x7f.1",
    "2130706433", "017700000001", "169.254.169.254", "crm.vn",
    "@", ":", ":80", ":22", "/", "?", "#", "\\", "%2e", "%00", "\u3002", "\u2488", "\uff11",
]) | st.text(max_size=4)  # fmt: skip


@given(st.text(max_size=40) | st.lists(PARTS, max_size=6).map("".join))
def test_any_text_is_a_url_to_somewhere_public_or_refused(text: str) -> None:
    guard = Guard()
    try:
        url = guard.acceptable(text)
    except errors.Invalid:
        return
    assert url.scheme in ("http", "https")
    assert url.raw_host
    with contextlib.suppress(OSError, UnicodeError):  # a name: it is looked up when it is called
        for *_, address in socket.getaddrinfo(url.raw_host, 80, flags=socket.AI_NUMERICHOST):
            assert guard.permits(str(address[0]))


@given(st.text(max_size=40))
def test_any_text_is_an_api_key_that_is_one_header_or_refused(text: str) -> None:
    with contextlib.suppress(errors.Invalid):
        checks.header_value(text, "callback_apikey")
        assert text.isascii()
        assert text.isprintable()


@pytest.mark.parametrize("url", SIGNED_URLS)
def test_path_and_query_stay_as_they_are(url: str) -> None:
    target = Guard().acceptable(url)
    assert f"https://prod.example.vn{target.raw_path_qs}" == url.removesuffix("?")


def test_what_is_not_ascii_is_escaped_and_nothing_else() -> None:
    target = Guard().acceptable("http://tổngđài.vn/sự-kiện?tên=Đào%2C&x=%c3")
    assert target.raw_host == "xn--tngi-2na70a925p.vn"
    assert target.raw_path_qs == "/s%E1%BB%B1-ki%E1%BB%87n?t%C3%AAn=%C4%90%C3%A0o%2C&x=%c3"


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=30))
def test_what_is_judged_is_what_is_requested(rest: str) -> None:
    """Whatever follows the host, it is the same host, and one line of a request."""
    url = f"http://crm.example.vn{rest}"
    try:
        target = Guard().acceptable(url)
    except errors.Invalid:
        return
    again = Guard().acceptable(str(target))
    assert (again.scheme, again.raw_host, again.port) == (
        target.scheme,
        target.raw_host,
        target.port,
    )
    assert not any(map(str.isspace, target.raw_path_qs))
    assert target.raw_host == yarl.URL(url).raw_host
