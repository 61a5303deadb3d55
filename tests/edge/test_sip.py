"""The edits in SIP messages."""

import pytest

from tongdai.edge import sip

REGISTER = (
    b"REGISTER sip:a.vn SIP/2.0\r\n"
    b"Via: SIP/2.0/WSS x.invalid;branch=z9hG4bK1\r\n"
    b'From: "An <sip:102@a.vn>" <sip:101@a.vn>;tag=1\r\n'
    b"To: <sip:101@a.vn>\r\n"
    b"Call-ID: 1\r\n"
    b"CSeq: 2 REGISTER\r\n"
    b"Contact: <sip:7kq@x.invalid;transport=wss>;expires=60\r\n"
    b"\r\n"
)
INVITE = (
    b"INVITE sip:102@a.vn SIP/2.0\r\n"
    b"f: sip:101@a.vn;tag=1\r\n"
    b"t: <sip:102@a.vn>\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"\r\n"
    b"v=0\r\nFrom: sip:101@a.vn\r\n"
)


def test_a_register_names_the_browsers_endpoint_and_aor() -> None:
    marked = sip.to_switch(REGISTER)
    assert b'\r\nFrom: "An <sip:102@a.vn>" <sip:101-webrtc@a.vn>;tag=1\r\n' in marked
    assert b"\r\nTo: <sip:101-webrtc@a.vn>\r\n" in marked
    assert marked.replace(b"-webrtc", b"") == REGISTER, "and nothing else"


def test_another_request_names_it_in_from_alone() -> None:
    assert sip.to_switch(INVITE) == INVITE.replace(b"f: sip:101@", b"f: sip:101-webrtc@", 1)


@pytest.mark.parametrize(
    "line",
    [
        b"From: <sip:101@a.vn>;tag=1",
        b"FROM : <sips:101@a.vn:5061>",
        b"f:An Thi<sip:101@a.vn>",
        b'From: "\\"a\\" b" <sip:101@a.vn>',
        b"from:\tsip:10123456@a.vn",
        b"From: <sip:101:pass@a.vn>",
    ],
)
def test_from_is_marked_in_every_form_and_unmarked_again(line: bytes) -> None:
    message = b"OPTIONS sip:a.vn SIP/2.0\r\n" + line + b"\r\n\r\n"
    marked = sip.to_switch(message)
    assert marked.count(b"-webrtc") == 1
    assert sip.to_client(marked) == message


@pytest.mark.parametrize(
    "line",
    [
        b"From: <sip:101-desk@a.vn>",  # a device of its own
        b"From: <sip:abc@a.vn>",
        b"From: <sip:1@a.vn>",
        b"From: <tel:101>",
        b"X-From: <sip:101@a.vn>",
        b"\r\n\r\nFrom: <sip:101@a.vn>",
    ],
)
def test_what_is_no_extension_is_left_alone(line: bytes) -> None:
    message = b"OPTIONS sip:a.vn SIP/2.0\r\n" + line + b"\r\n\r\n"
    assert sip.to_switch(message) == message


def test_responses_of_the_browser_are_left_alone() -> None:
    response = b"SIP/2.0 200 OK\r\nFrom: <sip:101@a.vn>;tag=1\r\n\r\n"
    assert sip.to_switch(response) == response


def test_the_browser_sees_its_own_address() -> None:
    bye = (
        b"BYE sip:7kq@127.64.1.1:20000 SIP/2.0\r\nFrom: <sip:102@a.vn>;tag=2\r\n"
        b"To: <sip:101-webrtc@a.vn>;tag=1\r\nX: sip:101-webrtc@a.vn\r\n\r\nsip:101-webrtc@a.vn"
    )
    assert sip.to_client(bye) == bye.replace(b"To: <sip:101-webrtc@", b"To: <sip:101@", 1)


def test_of_several_challenges_the_one_by_md5_is_left() -> None:
    md5 = b'WWW-Authenticate: Digest realm="a.vn",nonce="1",algorithm=MD5,qop="auth"\r\n'
    sha = md5.replace(b"MD5", b"SHA-256")
    head, end = b"SIP/2.0 401 Unauthorized\r\nCSeq: 1 REGISTER\r\n", b"Content-Length: 0\r\n\r\n"
    for both in (md5 + sha, sha + md5):
        assert sip.to_client(head + both + end) == head + md5 + end
    assert sip.to_client(head + sha + end) == head + sha + end, "there is no other"
    assert sip.to_client(head.replace(b"401", b"200") + md5 + sha + end).count(b"SHA-256") == 1


def test_a_registered_contact_comes_back_as_it_was_sent() -> None:
    """Asterisk answers with the transport of its own."""
    sent = sip.SentContacts()
    sent.note(REGISTER)
    response = (
        b"SIP/2.0 200 OK\r\nCSeq: 2 REGISTER\r\n"
        b"Contact: <sip:7kq@x.invalid;transport=WS>;expires=59, <sip:other@y.invalid;transport=WS>"
        b"\r\nm: <sip:third@z.invalid;transport=ws>\r\n\r\n"
    )
    restored = sent.restore(response)
    assert restored == response.replace(b"x.invalid;transport=WS", b"x.invalid;transport=wss")


def test_the_latest_contacts_alone_are_remembered() -> None:
    sent = sip.SentContacts()
    for number in range(100):
        sent.note(REGISTER.replace(b"7kq", b"c%d" % number))
    response = b"SIP/2.0 200 OK\r\nContact: <sip:c%d@x.invalid;transport=WS>\r\n\r\n"
    assert b"wss" not in sent.restore(response % 0)
    assert b"wss" in sent.restore(response % 99)


@pytest.mark.parametrize(
    ("response", "is_accepted"),
    [
        (b"SIP/2.0 200 OK\r\nCSeq: 2 REGISTER\r\n\r\n", True),
        (b"SIP/2.0 180 Ringing\r\ncseq : 2 INVITE\r\n\r\n", True),
        (b"SIP/2.0 100 Trying\r\nCSeq: 2 INVITE\r\n\r\n", False),
        (b"SIP/2.0 401 Unauthorized\r\nCSeq: 2 REGISTER\r\n\r\n", False),
        (b"SIP/2.0 200 OK\r\nCSeq: 2 OPTIONS\r\n\r\n", False),
        (b"SIP/2.0 200 OK\r\n\r\nCSeq: 2 REGISTER\r\n", False),
        (b"REGISTER sip:a.vn SIP/2.0\r\n\r\n", False),
    ],
)
def test_who_has_authenticated(response: bytes, is_accepted: bool) -> None:
    assert sip.is_accepted(response) == is_accepted


def test_contacts_of_a_message() -> None:
    assert sip.contacts(REGISTER) == [b"sip:7kq@x.invalid;transport=wss"]
    assert sip.contacts(INVITE) == []
    assert sip.contacts(b"REGISTER x SIP/2.0\r\nContact: *\r\n\r\n") == []


def test_credentials_are_those_of_the_browsers_endpoint() -> None:
    head = (
        b"REGISTER sip:a.vn SIP/2.0\r\nFrom: <sip:101@a.vn>;tag=1\r\nTo: <sip:101@a.vn>\r\n"
        b'Authorization: Digest username="%s", realm="a.vn", nonce="x", username="x"\r\n\r\n'
    )
    for given, marked in ((b"101", b"101-webrtc"), (b"101@a.vn", b"101-webrtc@a.vn")):
        sent = sip.to_switch(head % given)
        assert b'Digest username="' + marked + b'", realm="a.vn"' in sent
        assert b"From: <sip:101-webrtc@a.vn>" in sent
    assert b'username="alice"' in sip.to_switch(head % b"alice")
