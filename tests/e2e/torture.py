# ruff: noqa: E501 -- a line of a message may be long
"""SIP messages that are hard to read, or wrong: the cases of RFC 4475 in our own words, and
mutations of them.

Each text has HERE for the sender's host:port, SWITCH for ours, and CALL for its Call-ID. Lines end
in CRLF.
"""

import random
from collections.abc import Iterator

SDP = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 49217 RTP/AVP 0 12\na=rtpmap:31 LPC\n"
SPICES = [
    b"\0",
    b"\r",
    b"\n",
    b"\r\n\r\n",
    b'"',
    b"<",
    b">",
    b"%00",
    b"%",
    b"@",
    b";",
    b",",
    b":",
    b"\xff",
    b"=" * 9,
    b" " * 70,
    b"A" * 3000,
    b"1" * 400,
    b"\xed\xa0\x80",
    b"[::",
    b"sip:" * 40,
    b"4294967296",
    b"-1",
]


def _of(
    start: str, *headers: str, body: str = "", length: str | None = None, **instead: str
) -> str:
    """The message of a start line: usual headers, unless something else is given instead ("" for
    nothing), and more.
    """
    method = start.split(maxsplit=1)[0]
    usual = {
        "Via": "SIP/2.0/UDP HERE;branch=z9hG4bKCALL",
        "Max-Forwards": "68",
        "From": "<sip:caller@example.net>;tag=242etr",
        "To": "<sip:called@SWITCH>",
        "Call-ID": "CALL",
        "CSeq": f"1 {method}",
        "Contact": "<sip:caller@HERE>",
    }
    usual |= {name.replace("_", "-"): value for name, value in instead.items()}
    lines = [start, *(f"{name}: {value}" for name, value in usual.items() if value), *headers]
    if body:
        lines.append("Content-Type: application/sdp")
    size = length if length is not None else str(len(body.replace("\n", "\r\n")))
    lines += [f"Content-Length: {size}"] if size else []
    return "\n".join([*lines, "", body])


INVITE, OPTIONS, REGISTER = (
    f"{method} sip:called@SWITCH SIP/2.0" for method in ("INVITE", "OPTIONS", "REGISTER")
)
NULL = "%00"

VALID = {  # RFC 4475 §3.1.1: unusual, and right
    "wsinv": "INVITE sip:called@SWITCH;unknownparam SIP/2.0\nTO :\n sip:called@SWITCH ;   tag    = 1918181833n\n"
    'from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>\n  ;\n  tag = 98asjd8\nMaX-fOrWaRdS: 0068\n'
    "Call-ID: CALL\nCSeq: 0009\n  INVITE\nVia  : SIP  /   2.0\n /UDP\n    HERE;branch=CALL\ns :\n"
    "NewFangledHeader:   newfangled value\n continued newfangled value\nUnknownHeaderWithUnusualValue: ;;,,;;,;\n"
    "v:  SIP  / 2.0  / TCP     spindle.example.com   ;\n  branch  =   z9hG4bK9ikj8  ,\n SIP  /    2.0   / UDP  192.168.255.111"
    ' ;   branch=\n z9hG4bK30239\nm:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =\n      newvalue ;\n'
    "  secondparam ; q = 0.33\nl: 0\n\n",
    "intmeth": _of(
        "!interesting-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:"
        "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@SWITCH SIP/2.0",
        "extensionHeader-!.%*+_`'~: one two",
        From="token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;fromParam''~+*_!.-%=\"one\"; tag=_token~1'+`*%!-.",
        CSeq="139122385 !interesting-Method0123456789_*+`.%indeed'~",
    ),
    "esc01": _of(
        "INVITE sip:sips%3Auser%40example.com@SWITCH SIP/2.0", To="sip:%75se%72@SWITCH", body=SDP
    ),
    "escnull": _of(
        REGISTER,
        To=f"sip:null-{NULL}-null@SWITCH",
        Contact=f"<sip:{NULL}@HERE>, <sip:%00%00@HERE>",
    ),
    "esc02": _of(
        "RE%47IST%45R sip:registrar@SWITCH SIP/2.0",
        To='"%Z%45" <sip:resource@SWITCH>',
        CSeq="29344 RE%47IST%45R",
    ),
    "lwsdisp": _of(OPTIONS, From="caller<sip:caller@example.com>;tag=323"),
    "longreq": _of(
        INVITE,
        f"Unknown-{'Long' * 20}-Name: unknown-{'long' * 20}-value; unknown-{'long' * 20}-parameter-name = value",
        To=f'"I have a user name of {"extreme " * 12}proportion" <sip:user{"long" * 30}@SWITCH:6000;{"unknown" * 20}>',
        Via=", ".join(f"SIP/2.0/TCP sip{n}.example.com;branch=z9hG4bK{n}" for n in range(34)),
        body=SDP,
    ),
    "dblreq": _of(REGISTER, Contact="sip:j.user@HERE") + _of(INVITE, Call_ID="CALL2", body=SDP),
    "semiuri": _of(
        "OPTIONS sip:user;par=u%40example.net@SWITCH SIP/2.0", Accept="application/sdp"
    ),
    "transports": _of(
        OPTIONS,
        "Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKklasjdhf",
        "Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bK2980unddj",
        "Via: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en",
    ),
    "mpart01": _of(
        "MESSAGE sip:called@SWITCH SIP/2.0",
        "MIME-Version: 1.0",
        "Content-Type: multipart/mixed;boundary=7a9cbec02ceef655",
        length="150",
    )
    + "--7a9cbec02ceef655\nContent-Type: text/plain\nContent-Transfer-Encoding: binary\n\nHello\0\x01\x02\n--7a9cbec02ceef655--",
    "unreason": "SIP/2.0 200 = 2**3 * 5**2 \u043d\u043e \u0441\u0442\u043e\n"
    + _of(INVITE).partition("\n")[2],
    "noreason": "SIP/2.0 100 \n" + _of(INVITE).partition("\n")[2],
}
INVALID = {  # §3.1.2
    "badinv01": _of(
        INVITE, Via="SIP/2.0/UDP HERE;;,;,,", Contact='"Joe" <sip:joe@example.org>;;;;', body=SDP
    ),
    "clerr": _of(INVITE, body=SDP, length="9999"),
    "ncl": _of(INVITE, body=SDP, length="-999"),
    "scalar02": _of(
        REGISTER,
        "Expires: 10000000000000000000000000000000",
        Max_Forwards="300",
        CSeq="36893488147419103232 REGISTER",
        Contact="<sip:user@HERE>;expires=280297596632815;q=1.5",
    ),
    "scalarlg": "SIP/2.0 503 Service Unavailable\n"
    + _of(
        INVITE,
        "Retry-After: 949302838503028349304023988",
        'Warning: 1812 overture "In Progress"',
        CSeq="9292394834772304023312 OPTIONS",
    ).partition("\n")[2],
    "quotbal": _of(INVITE, To='"Mr. J. User <sip:j.user@SWITCH>', body=SDP),
    "ltgtruri": _of("INVITE <sip:called@SWITCH> SIP/2.0", body=SDP),
    "lwsruri": _of("INVITE sip:called@SWITCH; lr SIP/2.0", body=SDP),
    "lwsstart": _of("INVITE  sip:called@SWITCH  SIP/2.0", body=SDP),
    "trws": _of("OPTIONS sip:called@SWITCH SIP/2.0  "),
    "escruri": _of("INVITE sip:called@SWITCH?Route=%3Csip:example.com%3E SIP/2.0", body=SDP),
    "baddate": _of(INVITE, "Date: Fri, 01 Jan 2010 16:00:00 EST", body=SDP),
    "regbadct": _of(REGISTER, Contact="sip:user@HERE?Route=%3Csip:sip.example.com%3E"),
    "badaspec": _of(OPTIONS, To='"Watson, Thomas" < sip:t.watson@SWITCH >'),
    "baddn": _of(OPTIONS, From="Bell, Alexander <sip:a.g.bell@example.com>;tag=43"),
    "badvers": _of("OPTIONS sip:called@SWITCH SIP/7.0", Via="SIP/7.0/UDP HERE;branch=z9hG4bKCALL"),
    "mismatch01": _of(OPTIONS, CSeq="8 INVITE"),
    "mismatch02": _of("NEWMETHOD sip:called@SWITCH SIP/2.0", CSeq="8 INVITE", body=SDP),
    "bigcode": "SIP/2.0 4294967301 better not break the receiver\n"
    + _of(INVITE).partition("\n")[2],
}
SEMANTIC = {  # §3.2 to §3.4: well written, and strange
    "badbranch": _of(OPTIONS, Via="SIP/2.0/UDP HERE;branch=z9hG4bK"),
    "insuf": "INVITE sip:called@SWITCH SIP/2.0\nCSeq: 193942 INVITE\nVia: SIP/2.0/UDP HERE;branch=z9hG4bKCALL\nl: 0\n\n",
    "unkscm": _of("OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0"),
    "novelsc": _of("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0"),
    "unksm2": _of(
        REGISTER,
        To="isbn:2983792873",
        From="<http://www.example.com>;tag=3234233",
        Contact="<name:John_Smith>",
    ),
    "bext01": _of(
        OPTIONS,
        "Require: nothingSupportsThis, nothingSupportsThisEither",
        "Proxy-Require: noProxiesSupportThis",
    ),
    "invut": _of(INVITE, "Content-Type: application/unknownformat", length="40")
    + '<audio>\n <pcmu port="443"/>\n</audio>....\n',
    "regaut01": _of(REGISTER, "Authorization: NoOneKnowsThisScheme opaque-data=here"),
    "multi01": _of(
        INVITE,
        "CSeq: 8 INVITE",
        "Call-ID: other",
        "Max-Forwards: 5",
        "To: sip:other@SWITCH",
        "From: <sip:other@example.com>;tag=other",
        body=SDP,
    ),
    "mcl01": _of(OPTIONS, "Content-Length: 13", "Content-Length: 5", length="0")
    + "There's no way to know how many octets",
    "bcast": "SIP/2.0 200 OK\n"
    + _of(INVITE, Via="SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23").partition("\n")[2],
    "zeromf": _of(OPTIONS, Max_Forwards="0"),
    "cparam01": _of(REGISTER, Contact="sip:+19725552222@HERE;unknownparam"),
    "cparam02": _of(REGISTER, Contact="<sip:+19725552222@HERE;unknownparam>"),
    "regescrt": _of(REGISTER, Contact="<sip:user@example.com?Route=%3Csip:sip.example.com%3E>"),
    "sdp01": _of(INVITE, "Accept: text/nobodyKnowsThis", body=SDP),
    "inv2543": "INVITE sip:called@SWITCH SIP/2.0\nVia: SIP/2.0/UDP HERE\nFrom: <sip:caller@example.net>\n"
    f"To: sip:called@SWITCH\nCall-ID: CALL\nCSeq: 1 INVITE\nContent-Type: application/sdp\n\n{SDP}",
}
CORPUS = VALID | INVALID | SEMANTIC


def messages(here: str, switch: str, call: str) -> list[bytes]:
    """The corpus as one sender would send it."""
    return [
        text.replace("HERE", here)
        .replace("SWITCH", switch)
        .replace("CALL", f"{call}{name}")
        .replace("\n", "\r\n")
        .encode()
        for name, text in CORPUS.items()
    ]


def mutations(originals: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Broken further, each in a few places; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 -- no secret
    for _ in range(count):
        message = bytearray(chance.choice(originals))
        for _ in range(chance.randint(1, 5)):
            at, size = chance.randrange(len(message) or 1), chance.randint(0, 40)
            match chance.randrange(5):
                case 0:
                    message[at : at + size] = chance.choice(SPICES)
                case 1:
                    del message[at : at + size]
                case 2:
                    message[at:at] = message[at : at + size] * chance.randint(1, 20)
                case 3:
                    message[at : at + 1] = bytes([chance.randrange(256)])
                case _:
                    lines = bytes(message).split(b"\r\n")
                    chance.shuffle(lines)
                    message = bytearray(b"\r\n".join(lines))
        yield bytes(message[:8_000])
