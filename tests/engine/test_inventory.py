"""The changes of a node's objects by a reading."""

from uuid import UUID

from tongdai.asterisk.provisioning import Objects, SwitchConfig
from tongdai.engine.inventory import BANS, Inventory, Part, Parts, Reading

A, B = UUID(int=1), UUID(int=2)
NAMES = {A: "a.vn", B: "b.vn"}
ADDRESS = "192.0.2.1"


def inventory(main: str = "") -> Inventory:
    return Inventory([ADDRESS], main, "0" * 32, SwitchConfig())


def extension(domain: UUID, number: str) -> Part:
    return Part("extension", domain, number)


def trunk(name: str) -> Part:
    return Part("trunk", None, name)


def endpoints(*names: str, context: str = "phone") -> Objects:
    return {("endpoint", name): {"context": context} for name in names}


def everything(parts: Parts, *domains: UUID) -> Reading:
    return Reading(is_everything=True, parts=parts, names={each: NAMES[each] for each in domains})


FIRST: Parts = {
    extension(A, "101"): endpoints("101@a.vn", "101-browser@a.vn"),
    extension(A, "102"): endpoints("102@a.vn"),
    trunk("t"): endpoints("t"),
}


def test_at_first_everything_is_new() -> None:
    known = inventory()
    changed, gone = known.apply(everything(FIRST, A))
    assert changed == known.objects()
    assert gone == set()
    users = ("unknown@a.vn", "hidden@a.vn")
    unknown = {(kind, user) for kind in ("auth", "endpoint", "identify") for user in users}
    unknown |= {("domain_alias", spelled) for spelled in ("A.vn", "A.Vn", "A.VN")}
    own = {key for objects in FIRST.values() for key in objects}
    assert changed.keys() == own | unknown | {("domain_alias", ADDRESS)}


def test_the_same_again_changes_nothing() -> None:
    known = inventory()
    known.apply(everything(FIRST, A))
    assert known.apply(everything(FIRST, A)) == ({}, set())


def test_one_extension_changes_nothing_else() -> None:
    known = inventory()
    known.apply(everything(FIRST, A))
    now = endpoints("101@a.vn", context="hangup")
    reading = Reading(
        asked={extension(A, "101")}, parts={extension(A, "101"): now}, names={A: "a.vn"}
    )
    assert known.apply(reading) == (now, {("endpoint", "101-browser@a.vn")})
    assert known.objects().keys() >= endpoints("102@a.vn", "t").keys()


def test_what_was_asked_and_is_not_there_is_gone() -> None:
    known = inventory()
    known.apply(everything(FIRST, A))
    changed, gone = known.apply(Reading(asked={trunk("t"), extension(A, "102"), BANS}))
    assert changed == {}
    assert gone == set(endpoints("t", "102@a.vn"))


def test_of_a_domain_that_was_read_what_is_not_there_is_gone() -> None:
    known = inventory()
    parts = FIRST | {extension(B, "101"): endpoints("101@b.vn")}
    known.apply(everything(parts, A, B))
    changed, gone = known.apply(
        Reading(domains={A}, has_all_trunks=True, parts={trunk("u"): endpoints("u")})
    )
    assert endpoints("u").keys() <= changed.keys()
    assert endpoints("101@a.vn", "101-browser@a.vn", "102@a.vn", "t").keys() <= gone
    assert ("endpoint", "101@b.vn") in known.objects()


def test_a_domain_has_unknown_endpoints_as_long_as_it_has_devices() -> None:
    known = inventory()
    known.apply(everything({}))
    assert known.objects() == {}
    parts = {extension(A, "101"): endpoints("101@a.vn")}
    changed, _ = known.apply(Reading(asked={extension(A, "101")}, parts=parts, names={A: "a.vn"}))
    assert changed["domain_alias", ADDRESS] == {"domain": "a.vn"}
    assert ADDRESS.replace(".", r"\.") in changed["identify", "unknown@a.vn"]["match_header"]
    changed, gone = known.apply(Reading(asked={extension(A, "101")}))
    assert changed == {}
    assert known.objects() == {}
    assert ("endpoint", "unknown@a.vn") in gone


def test_a_request_to_the_domain_is_challenged_unless_a_trunk_calls_by_digest() -> None:
    def asked_by(known: Inventory) -> str:
        return known.objects()["identify", "hidden@a.vn"]["match_header"].partition(":")[0]

    known = inventory()
    known.apply(everything(FIRST, A))
    assert asked_by(known) == "To"
    by_digest = Reading(asked={trunk("u")}, parts={trunk("u"): endpoints("u", "login@Tongdai")})
    changed, _ = known.apply(by_digest)
    assert asked_by(known) == "P-Preferred-Identity"
    assert ("identify", "hidden@a.vn") in changed
    known.apply(Reading(asked={trunk("u")}))
    assert asked_by(known) == "To"


def test_with_two_domains_the_addresses_mean_the_main_one_or_none() -> None:
    two = {extension(A, "101"): endpoints("101@a.vn"), extension(B, "1"): endpoints("1@b.vn")}
    for main, alias in {"": None, "b.vn": {"domain": "b.vn"}, "c.vn": None}.items():
        known = inventory(main)
        known.apply(everything({extension(A, "101"): two[extension(A, "101")]}, A))
        assert known.objects()["domain_alias", ADDRESS] == {"domain": "a.vn"}
        reading = Reading(asked={extension(B, "1")}, parts=two, names=NAMES)
        known.apply(reading)
        assert known.objects().get(("domain_alias", ADDRESS)) == alias, main
        pattern = known.objects()["identify", "unknown@a.vn"]["match_header"]
        assert ADDRESS.replace(".", r"\.") not in pattern
        known.apply(Reading(asked={extension(B, "1")}))
        assert known.objects()["domain_alias", ADDRESS] == {"domain": "a.vn"}


def test_a_name_that_moves_from_one_trunk_to_another_is_not_gone() -> None:
    known = inventory()
    shared = endpoints("login@Tongdai")
    known.apply(everything({trunk("a"): shared}))
    now = endpoints("login@Tongdai", context="trunk")
    reading = Reading(asked={trunk("a"), trunk("b")}, parts={trunk("b"): now})
    assert known.apply(reading) == (now, set())
