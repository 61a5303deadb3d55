"""tongdai sandbox call: a customer's call to the demo's hotline, from the command line to its
record.
"""

import json
from pathlib import Path
from typing import Any

import msgspec

from tests.cli.conftest import run


def test_a_customer_calls_the_hotline_and_its_record_is_shown(
    running: dict[str, str], ready: Any
) -> None:
    made = run(running, "sandbox", "call", "--customer", "0912345678", "--talk-s", "1", "--json")
    assert made.exit_code == 0, made.output
    assert made.stderr.startswith(f"0912345678 calls {ready['hotline']}; ")
    record = json.loads(made.stdout)
    told = {
        name: record[name]
        for name in ("from_number", "to_number", "extension", "receive_dest", "status")
    }
    assert told == {
        "from_number": "0912345678",
        "to_number": ready["hotline"],
        "extension": ready["sandbox"]["robots"]["answers_late"],
        "receive_dest": ready["ring_group"],
        "status": "ANSWERED",
    }
    assert record["recording_status"] == "ready"


def test_the_record_is_readable_for_people(running: dict[str, str]) -> None:
    made = run(running, "sandbox", "call", "--customer", "answers", "--talk-s", "1")
    lines = [line.split() for line in made.stdout.splitlines()]
    assert ["status", "ANSWERED"] in lines
    assert ["cause", "NORMAL_CLEARING"] in lines


def test_what_the_api_refuses_is_told_in_its_words(running: dict[str, str]) -> None:
    refused = run(running, "sandbox", "call", "--customer", "nobody")
    assert refused.exit_code == 1
    assert refused.stderr.startswith(
        "error: customer: a telephone number or one of answers, hangs_up"
    )
    assert run(running, "sandbox", "call", "--hotline", "19009999").stderr == (
        "error: hotline: the domain has no such hotline\n"
    )


def test_without_an_instance_it_says_how_to_start_one(tmp_path: Path) -> None:
    refused = run({"TONGDAI_DATA": str(tmp_path)}, "sandbox", "call")
    assert (refused.exit_code, refused.stderr) == (
        4,
        f"error: nothing runs on {tmp_path}: start it with tongdai up --sandbox\n",
    )


def test_an_instance_without_sandbox_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "ready.json").write_bytes(
        msgspec.json.encode({"base_url": "http://127.0.0.1:1", "pid": 1})
    )
    assert "without the sandbox" in run({"TONGDAI_DATA": str(tmp_path)}, "sandbox", "call").stderr


def test_an_instance_that_died_is_told_so(tmp_path: Path) -> None:
    left = {"base_url": "http://127.0.0.1:1", "api_key": "x", "pid": 1}
    (tmp_path / "ready.json").write_bytes(msgspec.json.encode(left))
    refused = run({"TONGDAI_DATA": str(tmp_path)}, "sandbox", "call")
    assert refused.exit_code == 4
    assert "http://127.0.0.1:1 does not answer" in refused.stderr
