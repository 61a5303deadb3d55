"""Lines of Asterisk's log of SIP, as Asterisk 22 writes them."""

import json


def line(source: str, text: str, level: str = "DEBUG") -> str:
    location = {"filename": source, "function": "f", "line": 161}
    entry = {
        "hostname": "",
        "timestamp": "2026-11-30 15:50:05.283",
        "identifiers": {"lwp": 7, "callid": ""},
        "logmsg": {"location": location, "level": level, "message": f"{text}\n"},
    }
    return json.dumps(entry, separators=(",", ":")) + "\n"
