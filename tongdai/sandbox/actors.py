"""The actors of the sandbox: robot phones and a carrier's customers, each with a behaviour and a
tone.

Pure: the actors, and the configuration with which a second Asterisk plays them.
"""

from typing import Literal

import msgspec

RobotBehaviour = Literal["answers", "answers_late", "no_answer", "busy", "rejects"]
CustomerBehaviour = Literal["answers", "hangs_up", "busy", "no_answer", "unreachable", "invalid"]

TALK_S = 3600  # an actor that answers stays on the line; the other side hangs up
HANGS_UP_S = 5


class Actor(msgspec.Struct, frozen=True):
    """A number with a behaviour. `tone` (Hz) plays for `hold_s` seconds while it can be heard."""

    number: str
    behaviour: str
    tone: int
    hold_s: int = TALK_S


ROBOTS: dict[RobotBehaviour, Actor] = {
    "answers": Actor("201", "answers", 450),
    "answers_late": Actor("202", "answers_late", 550),
    "no_answer": Actor("203", "no_answer", 650),
    "busy": Actor("204", "busy", 750),
    "rejects": Actor("205", "rejects", 850),
}
CUSTOMERS: dict[CustomerBehaviour, Actor] = {
    "answers": Actor("0900000001", "answers", 1150),
    "hangs_up": Actor("0900000002", "hangs_up", 1250, HANGS_UP_S),
    "busy": Actor("0900000003", "busy", 1350),
    "no_answer": Actor("0900000004", "no_answer", 1450),
    "unreachable": Actor("0900000005", "unreachable", 1650),
    "invalid": Actor("0900000006", "invalid", 1750),
}


def behaviours() -> str:
    """Dialplan of the context "called": each actor's number sets its tone and goes to its
    behaviour.
    """
    lines: list[str] = []
    for actor in (*ROBOTS.values(), *CUSTOMERS.values()):
        lines += [
            f"exten => {actor.number},1,Set(TONE={actor.tone})",
            f" same => n,Set(HOLD={actor.hold_s})",
            f" same => n,Goto({actor.behaviour},{actor.number},1)",
        ]
    return "\n".join(lines)


def registrations(domain: str, switch: str, passwords: dict[str, str]) -> str:
    """pjsip.conf sections that register each robot as number@domain with the switch
    (host:port).
    """
    return "\n".join(
        f"""
[robot-{number}]
type = registration
outbound_auth = robot-{number}
server_uri = sip:{domain}
client_uri = sip:{number}@{domain}
contact_user = {number}
outbound_proxy = sip:{switch}\\;lr
expiration = 300
max_random_initial_delay = 0
retry_interval = 1
forbidden_retry_interval = 1
auth_rejection_permanent = no
max_retries = 100000

[robot-{number}]
type = auth
auth_type = digest
username = {number}
password = {password}"""
        for number, password in sorted(passwords.items())
    )
