"""catch_up.py: every event since the last time, each once and in order, however long we were away."""

import json, os, urllib.error, urllib.request
from pathlib import Path

API, TOKEN = os.environ["API"], os.environ["TOKEN"]
place = Path(
    "last_seq.txt"
)  # in real life: a row, written in the transaction that stores the event


def feed(after):
    asked = urllib.request.Request(
        f"{API}/v1/event/feed?after={after}&limit=1000",
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    return json.load(urllib.request.urlopen(asked))


def handle(event):
    if "call_id" in event:  # else it is a notice, of something else than a call
        print(
            event["state"],
            event["call_id"],
            event["from_number"],
            "->",
            event["to_number"],
            flush=True,
        )


def catch_up(after):
    while True:
        try:
            page = feed(after)
        except urllib.error.HTTPError as refused:
            if refused.code != 410:
                raise
            after = json.load(refused)["first_seq"] - 1
            print(f"what came up to {after} is no longer kept: read the CDRs of that time")
            continue
        for entry in page["data"]:
            handle(entry["body"])
            place.write_text(str(entry["seq"]))
        after = page["next"]
        if after >= page["last_seq"]:
            return


if __name__ == "__main__":
    catch_up(int(place.read_text()) if place.exists() else 0)
