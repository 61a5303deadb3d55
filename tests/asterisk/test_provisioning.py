"""Which PJSIP objects a phone and each kind of trunk are, and what must be told when they
change.
"""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tongdai.asterisk import node, provisioning
from tongdai.asterisk.provisioning import (
    Carrier,
    Device,
    Objects,
    SwitchConfig,
    changes,
    objects,
)
from tongdai.pbx.endpoint import Endpoint

PHONE = Device(
    endpoint=Endpoint("101", "a.vn"),
    digest_md5="0123456789abcdef0123456789abcdef",
    digest_sha256="f" * 64,
)
OTHER = replace(PHONE, endpoint=Endpoint("102", "a.vn"))
TRUNK = "01a208b1-0000-7000-8000-000000000001"


def carrier(auth: str, **changes: Any) -> Carrier:
    fields = {
        "host": "sip.carrier.vn",
        "transport": "udp",
        "addresses": (),
        "username": "",
        "password": "",
    }
    return Carrier(
        trunk=TRUNK, auth=auth, **(fields | {"from_user": "", "from_domain": ""} | changes)
    )


def of(*carriers: Carrier) -> Objects:
    return objects([], carriers, {})


# --- phones


def test_a_phone_is_known_by_its_address_and_proves_it_by_digest() -> None:
    found = objects([PHONE], [], {})
    assert list(found) == [("auth", "101@a.vn"), ("aor", "101@a.vn"), ("endpoint", "101@a.vn")]
    auth = found["auth", "101@a.vn"]
    assert auth["password_digest"] == f"MD5:{PHONE.digest_md5},SHA-256:{PHONE.digest_sha256}"
    assert auth["supported_algorithms_uas"] == "MD5"
    assert (auth["username"], auth["realm"]) == ("101", "a.vn")
    endpoint = found["endpoint", "101@a.vn"]
    assert endpoint["auth"] == endpoint["aors"] == "101@a.vn"
    assert endpoint["context"] == "phone"
    assert endpoint["tenantid"] == "a.vn"
    assert endpoint["callerid"] == "<101>", "whatever it claims, it shows its own number"
    assert found["aor", "101@a.vn"]["max_contacts"] == "5"


def test_a_phone_may_authenticate_with_its_whole_address() -> None:
    found = provisioning.device(replace(PHONE, full_digests=("a" * 32, "b" * 64)), SwitchConfig())
    full = found["auth", "full-101@a.vn"]
    assert (full["username"], full["realm"]) == ("101@a.vn", "a.vn")
    assert full["password_digest"] == f"MD5:{'a' * 32},SHA-256:{'b' * 64}"
    assert found["endpoint", "101@a.vn"]["auth"] == "101@a.vn,full-101@a.vn"
    assert set(found) <= set(provisioning.of_endpoint("101@a.vn")), "all of it can be found again"


@pytest.mark.parametrize("sha256", [False, True])
def test_sha_256_is_asked_for_where_the_operator_wants_it(sha256: bool) -> None:
    config = SwitchConfig(sha256=sha256)
    phone = provisioning.device(PHONE, config)["auth", "101@a.vn"]
    stranger = provisioning.unknown_endpoints("a.vn", [], "e" * 32, config)["auth", "unknown@a.vn"]
    for challenged in (phone, stranger):
        wanted = "MD5,SHA-256" if sha256 else "MD5"
        assert challenged["supported_algorithms_uas"] == wanted


def test_a_phone_shows_the_name_of_its_extension() -> None:
    def shown(name: str) -> str:
        device = replace(PHONE, display_name=name)
        return provisioning.device(device, SwitchConfig())["endpoint", "101@a.vn"]["callerid"]

    assert shown("Lê Hoàng Châu") == '"Lê Hoàng Châu" <101>'
    assert shown('x" <999>\\ "\r\n') == '"x 999" <101>'
    assert shown(" ") == "<101>"


def test_audio_is_encrypted_on_wish() -> None:
    def audio(**changes: bool) -> tuple[str, str]:
        device = replace(PHONE, **changes)
        found = provisioning.device(device, SwitchConfig())["endpoint", "101@a.vn"]
        return found["media_encryption"], found["media_encryption_optimistic"]

    assert audio() == ("sdes", "yes")
    assert audio(srtp_required=True) == ("sdes", "no")


def test_silence_ends_a_call_late_and_never_on_hold() -> None:
    config = SwitchConfig(silence_s=900)
    phone = provisioning.device(PHONE, config)["endpoint", "101@a.vn"]
    line = provisioning.trunk(carrier("ip"), config)["endpoint", TRUNK]
    for endpoint in (phone, line):
        assert (endpoint["rtp_timeout"], endpoint["rtp_timeout_hold"]) == ("900", "0")


def test_a_phone_is_asked_whether_it_is_there() -> None:
    found = provisioning.device(PHONE, SwitchConfig(qualify_s=25))["aor", "101@a.vn"]
    assert (found["qualify_frequency"], found["qualify_timeout"]) == ("25", "3.000000")
    assert (found["remove_existing"], found["remove_unavailable"]) == ("yes", "yes")
    assert found["maximum_expiration"] == "600"


def test_the_same_extension_of_two_domains_is_two_phones() -> None:
    found = objects(
        [PHONE, replace(PHONE, endpoint=Endpoint("101", "b.vn"), digest_md5="0" * 32)], [], {}
    )
    assert found["auth", "101@a.vn"] != found["auth", "101@b.vn"]
    assert len(found) == 6


def test_a_further_device_has_credentials_of_its_own_and_shows_the_extension() -> None:
    device = replace(
        PHONE, endpoint=Endpoint("101", "a.vn", "desk-2"), max_contacts=1, digest_md5="1" * 32
    )
    name = "101-desk-2@a.vn"
    found = objects([PHONE, device], [], {})
    assert found["auth", name]["username"] == "101-desk-2"
    assert found["auth", name]["password_digest"].startswith("MD5:" + "1" * 32)
    assert found["aor", name]["max_contacts"] == "1"
    endpoint = found["endpoint", name]
    assert endpoint["auth"] == endpoint["aors"] == name
    assert endpoint["callerid"] == "<101>"


def test_a_browser_is_a_webrtc_endpoint() -> None:
    sip, browser = (
        provisioning.device(replace(PHONE, kind=kind), SwitchConfig())["endpoint", "101@a.vn"]
        for kind in ("sip", "browser")
    )
    assert (sip["webrtc"], browser["webrtc"]) == ("no", "yes")
    assert (sip["media_encryption"], browser["media_encryption"]) == ("sdes", "dtls")
    assert browser["allow"].startswith("opus,")
    assert sip.keys() == browser.keys(), "what is not said stays as it was"


def test_credentials_that_expire_are_further_ones_of_a_browser() -> None:
    endpoint = Endpoint("101", "a.vn", "webrtc")
    passing = ("101.0f", "2" * 32, "3" * 64)
    device = replace(PHONE, endpoint=endpoint, kind="browser", credentials=(passing,))
    found = objects([device], [], {})
    assert found["endpoint", "101-webrtc@a.vn"]["auth"] == "101-webrtc@a.vn,101.0f@a.vn"
    own = found["auth", "101.0f@a.vn"]
    assert (own["username"], own["realm"]) == ("101.0f", "a.vn")
    assert own["password_digest"] == f"MD5:{passing[1]},SHA-256:{passing[2]}"


def test_a_trunk_registers_on_its_owners_node_alone() -> None:
    given = carrier("registration", username="we", password="pw", is_registering=False)
    found = of(given)
    assert ("registration", TRUNK) not in found
    assert ("endpoint", TRUNK) in found


def test_names_that_only_we_give() -> None:
    for name in ("101@a.vn", "101-browser@a.vn", TRUNK, "unknown@a.vn", "branch-7@Tongdai"):
        assert provisioning.is_ours(name), name
    for name in ("nobody", "plain-carrier", "alice@a.vn", "101"):
        assert not provisioning.is_ours(name), name


def test_no_password_is_told_in_clear() -> None:
    told = objects([PHONE], [], {})
    assert not any(name == "password" for fields in told.values() for name in fields)


def test_addresses_that_stand_for_a_domain() -> None:
    assert objects([], [], {"192.0.2.1": "a.vn"}) == {
        ("domain_alias", "192.0.2.1"): {"domain": "a.vn"}
    }


# --- trunks

PROBE = {("aor", f"{TRUNK}-options"), ("endpoint", f"{TRUNK}-options")}
"""What the switch asks by OPTIONS."""


def test_a_carrier_is_asked_apart_from_its_calls() -> None:
    """Asterisk calls no contact that does not answer OPTIONS."""
    asked = of(carrier("ip"))
    aor = asked["aor", f"{TRUNK}-options"]
    assert aor == {"contact": asked["aor", TRUNK]["contact"], "qualify_frequency": "60"}
    assert asked["aor", TRUNK]["qualify_frequency"] == "0"
    endpoint = asked["endpoint", f"{TRUNK}-options"]
    assert (endpoint["aors"], endpoint["context"]) == (f"{TRUNK}-options", "hangup")
    assert provisioning.is_ours(provisioning.probe(TRUNK))
    assert PROBE.isdisjoint(of(carrier("ip", qualify=False)))


@pytest.mark.parametrize(
    ("changes_", "tag"),
    [
        ({}, "key/none/auto/"),
        ({"username": "02873001234"}, "key/02873001234/auto/"),
        ({"username": "we", "called_number_in": "to"}, "key/any/to/"),
        ({"username": "we", "called_number_in": "request_uri"}, "key/none/request_uri/"),
        ({"called_number_in": "diversion"}, "key/any/diversion/"),
    ],
)
def test_what_the_dialplan_needs_of_a_trunk(changes_: dict[str, Any], tag: str) -> None:
    found = of(carrier("ip", key="key", **changes_))
    assert found["endpoint", TRUNK]["callerid_tag"] == tag
    dialplan = (node.PBX / "extensions.conf").read_text()
    assert f"\nTD_IN_{tag.split('/')[2]} = " in dialplan


def test_a_trunk_by_address() -> None:
    found = of(carrier("ip", host="192.0.2.7:5080", addresses=("192.0.2.7", "192.0.2.64/26")))
    assert found.keys() - PROBE == {("aor", TRUNK), ("endpoint", TRUNK), ("identify", TRUNK)}
    assert found["aor", TRUNK] == {"contact": "sip:192.0.2.7:5080", "qualify_frequency": "0"}
    assert found["identify", TRUNK] == {"endpoint": TRUNK, "match": "192.0.2.7,192.0.2.64/26"}
    endpoint = found["endpoint", TRUNK]
    assert endpoint["context"] == "trunk"
    assert endpoint["identify_by"] == "ip"
    assert "auth" not in endpoint
    assert endpoint["outbound_auth"] == endpoint["from_user"] == endpoint["from_domain"] == ""


def test_the_parties_behind_a_trunk_transfer_nobody_unless_it_says_so() -> None:
    for said, may in ({}, "no"), ({"transfers": True}, "yes"):
        found = of(carrier("digest", username="we", auth_username="b7", password="pw", **said))
        assert found["endpoint", TRUNK]["allow_transfer"] == may
        assert found["endpoint", "b7@Tongdai"]["allow_transfer"] == may


def test_a_trunk_by_digest() -> None:
    found = of(
        carrier(
            "digest", username="we", password="pw", from_user="19001919", from_domain="carrier.vn"
        )
    )
    assert found.keys() - PROBE == {
        ("auth", TRUNK),
        ("aor", TRUNK),
        ("endpoint", TRUNK),
        ("identify", TRUNK),
    }
    assert found["auth", TRUNK] == {"auth_type": "digest", "username": "we", "password": "pw"}
    endpoint = found["endpoint", TRUNK]
    assert endpoint["outbound_auth"] == TRUNK, "it asks us, not we it"
    assert "auth" not in endpoint
    assert (endpoint["from_user"], endpoint["from_domain"]) == ("19001919", "carrier.vn")


def test_a_trunk_that_may_call_from_anywhere_proves_who_it_is() -> None:
    found = of(carrier("digest", username="we", auth_username="branch-7", password="pw"))
    assert found["auth", "branch-7@Tongdai"] == {
        "auth_type": "digest",
        "username": "branch-7",
        "password": "pw",
    }
    endpoint = found["endpoint", "branch-7@Tongdai"]
    assert endpoint["auth"] == "branch-7@Tongdai"
    assert endpoint["identify_by"] == "auth_username", "not by what it claims in From"
    assert endpoint["callerid_tag"].endswith(f"/{TRUNK}")
    assert found["endpoint", TRUNK]["callerid_tag"].endswith("/")
    assert endpoint["context"] == "trunk"
    assert of(carrier("digest", username="we", password="pw")).keys() == found.keys() - {
        ("auth", "branch-7@Tongdai"),
        ("endpoint", "branch-7@Tongdai"),
    }


def test_a_trunk_by_registration() -> None:
    found = of(carrier("registration", username="we", password="pw", transport="tcp"))
    assert list(found)[-1] == ("registration", TRUNK)
    registration = found["registration", TRUNK]
    assert registration["server_uri"] == "sip:sip.carrier.vn;transport=tcp"
    assert registration["client_uri"] == "sip:we@sip.carrier.vn"
    assert registration["contact_user"] == "we"
    assert registration["outbound_auth"] == TRUNK
    assert registration["auth_rejection_permanent"] == "no", "it is tried again for ever"
    assert registration["fatal_retry_interval"] == "60"
    assert (registration["line"], registration["endpoint"]) == ("yes", TRUNK), (
        "so that its calls are known as its own"
    )


def test_the_domain_that_a_carrier_wants_is_what_we_register_with() -> None:
    found = of(carrier("registration", username="we", password="pw", from_domain="ims.carrier.vn"))
    assert found["registration", TRUNK]["client_uri"] == "sip:we@ims.carrier.vn"
    assert found["registration", TRUNK]["server_uri"] == "sip:sip.carrier.vn"


def test_calls_come_from_the_host_where_no_addresses_are_given() -> None:
    hosts = {
        "192.0.2.7": "192.0.2.7",
        "192.0.2.7:5080": "192.0.2.7",
        "sip.carrier.vn:5061": "sip.carrier.vn",
    }
    ipv6 = {
        "[2001:db8::7]": "2001:db8::7",
        "[2001:db8::7]:5080": "2001:db8::7",
        "2001:db8::7": "2001:db8::7",
    }
    for host, address in (hosts | ipv6).items():
        assert of(carrier("ip", host=host))["identify", TRUNK]["match"] == address, host


# --- changes


def test_what_is_known_is_not_told_again() -> None:
    wanted = objects([PHONE], [carrier("ip")], {})
    assert changes({}, wanted) == (wanted, set())
    assert changes(wanted, wanted) == ({}, set())


def test_only_what_changed_is_told() -> None:
    before = objects([PHONE, OTHER], [], {})
    after = objects([replace(PHONE, digest_md5="0" * 32), OTHER], [], {})
    assert changes(before, after) == ({("auth", "101@a.vn"): after["auth", "101@a.vn"]}, set())


def test_what_is_gone_goes_before_what_it_uses() -> None:
    known = of(carrier("registration", username="we", password="pw"))
    pushed, gone = changes(known, {})
    assert pushed == {}
    kinds = [kind for kind, _ in reversed(provisioning.in_order(gone - PROBE))]
    assert kinds == ["registration", "identify", "endpoint", "aor", "auth"]


def test_the_checksum_is_of_the_objects_in_any_order() -> None:
    one, other = objects([PHONE], [], {}), objects([OTHER], [], {})
    both = provisioning.checksum(one | other)
    assert both == provisioning.checksum(other | one)
    added = provisioning.checksum(one) + provisioning.checksum(other)
    assert both == added % provisioning.CHECKSUMS
    changed = objects([replace(PHONE, digest_md5="0" * 32), OTHER], [], {})
    assert both not in (provisioning.checksum(changed), provisioning.checksum(one))


def test_a_trunk_that_no_longer_registers() -> None:
    before = of(carrier("registration", username="we", password="pw"))
    after = of(carrier("ip"))
    pushed, gone = changes(before, after)
    assert set(pushed) == {("endpoint", TRUNK), ("endpoint", f"{TRUNK}-options")}, (
        "it has no credentials any more"
    )
    assert gone == {("registration", TRUNK), ("auth", TRUNK)}


@given(st.data())
def test_what_is_pushed_over_another_says_every_field_that_the_other_had(
    data: st.DataObject,
) -> None:
    """A push changes what is there: a field left out would stay as it was."""
    before, after = data.draw(WANTED), data.draw(WANTED)
    for key in before.keys() & after.keys():
        assert before[key].keys() == after[key].keys(), key


PHONES = st.builds(
    Device,
    endpoint=st.builds(
        Endpoint,
        extension=st.sampled_from(["101", "102"]),
        domain=st.sampled_from(["a.vn", "b.vn"]),
        device=st.sampled_from(["default", "desk"]),
    ),
    kind=st.sampled_from(["sip", "browser"]),
    digest_md5=st.sampled_from(["0" * 32, "1" * 32]),
    digest_sha256=st.just(""),
)
HOSTS = st.sampled_from(["192.0.2.7", "carrier.vn"])
CARRIERS = st.builds(carrier, st.just("ip"), host=HOSTS) | st.builds(
    carrier,
    st.sampled_from(["digest", "registration"]),
    username=st.just("we"),
    password=st.just("pw"),
    host=HOSTS,
)
WANTED = st.builds(
    objects, st.lists(PHONES, max_size=3), st.lists(CARRIERS, max_size=1), st.just({})
)


@given(WANTED, WANTED)
def test_told_its_changes_the_switch_knows_what_is_wanted(
    before: Objects, wanted: Objects
) -> None:
    pushed, gone = changes(before, wanted)
    known = before | pushed
    for key in reversed(provisioning.in_order(gone)):
        assert not any(known.get((kind, key[1]), {}).get(field) for kind, field in USERS[key[0]])
        del known[key]
    assert known == wanted


USERS = {  # what may refer to an object of the kind: other kinds' fields
    "auth": [
        ("registration", "outbound_auth"),
        ("endpoint", "outbound_auth"),
        ("endpoint", "auth"),
    ],
    "aor": [("endpoint", "aors")],
    "endpoint": [("identify", "endpoint"), ("registration", "endpoint")],
    "identify": [],
    "registration": [],
}


def test_sip_over_tls_only_where_it_is_wanted() -> None:
    assert provisioning.tls_transport("", "cert.pem", "key.pem") == ""
    text = provisioning.tls_transport("0.0.0.0:5061", "cert.pem", "key.pem")
    for line in (
        "protocol = tls",
        "bind = 0.0.0.0:5061",
        "cert_file = cert.pem",
        "priv_key_file = key.pem",
    ):
        assert line in text.splitlines()


# --- unknown endpoints


def test_an_unknown_endpoint_is_challenged_as_a_known_one() -> None:
    phone = objects([PHONE], [], {"192.0.2.1": "a.vn"})
    found = provisioning.unknown_endpoints("a.vn", ["192.0.2.1"], "e" * 32, SwitchConfig())
    mine, theirs = phone["auth", "101@a.vn"], found["auth", "unknown@a.vn"]
    assert {name for name in mine if mine[name] != theirs[name]} == {"username", "password_digest"}
    header, _, pattern = found["identify", "unknown@a.vn"]["match_header"].partition(": ")
    regex = re.compile(pattern[1:-1])
    assert header == "From"
    for claimed in (
        "<sip:199@a.vn>;tag=1",
        '"Alice" <sips:19@a.vn:5061;transport=tls>',
        "sip:199:pw@192.0.2.1",
        "<sip:101-browser@a.vn>;tag=1",
        '"Anonymous" <sip:anonymous@a.vn>;tag=1',
        "<sip:199@A.vn>;tag=1",
        "<sip:199@A.VN>;tag=1",
    ):
        assert regex.search(claimed), claimed
    for other in (
        "<sip:199@b.vn>",
        "<sip:0909000111@a.vn>",
        "<sip:alice@a.vn>",
        "<sip:101-@a.vn>",
        "<sip:199@a.vn.evil>",
        "<sip:199@aXvn>",
    ):
        assert not regex.search(other), other


def test_a_phone_that_hides_its_number_is_asked_for_the_digest_of_its_domain() -> None:
    def header(by_to: bool) -> tuple[str, re.Pattern[str]]:
        found = provisioning.unknown_endpoints("a.vn", [], "e" * 32, SwitchConfig(), by_to=by_to)
        assert found["auth", "hidden@a.vn"]["realm"] == "a.vn"
        name, _, pattern = found["identify", "hidden@a.vn"]["match_header"].partition(": ")
        return name, re.compile(pattern[1:-1])

    name, regex = header(by_to=False)
    assert name == "P-Preferred-Identity"
    assert regex.search("<sip:101@a.vn>")
    name, regex = header(by_to=True)
    assert name == "To"
    assert regex.search("<sip:0909000111@a.vn>;tag=1")
    assert not regex.search("<sip:0909000111@b.vn>")


def test_other_spellings_of_a_domain_mean_it() -> None:
    found = provisioning.unknown_endpoints("pbx.a.vn", [], "e" * 32, SwitchConfig())
    aliases = {id_ for kind, id_ in found if kind == "domain_alias"}
    assert aliases == {"Pbx.a.vn", "Pbx.A.Vn", "PBX.A.VN"}


def test_a_banned_address_is_an_access_list_of_its_own() -> None:
    assert provisioning.bans(["192.0.2.7", "2001:db8::7"]) == {
        ("acl", "ban-192.0.2.7"): {"deny": "192.0.2.7"},
        ("acl", "ban-2001-db8--7"): {"deny": "2001:db8::7"},
    }
