"""export.py: every call since a day, oldest last, as CSV. Scrolls, so calls that arrive meanwhile change nothing."""

import csv, json, os, sys, urllib.parse, urllib.request

API, TOKEN = os.environ["API"], os.environ["TOKEN"]


def calls(since):
    scroll_id = ""
    while True:
        query = urllib.parse.urlencode({"start_date": since, "limit": 100, "scroll_id": scroll_id})
        asked = urllib.request.Request(
            f"{API}/v1/cdr?{query}", headers={"Authorization": f"Bearer {TOKEN}"}
        )
        page = json.load(urllib.request.urlopen(asked))
        yield from page["data"]
        scroll_id = page["scroll_id"]
        if not scroll_id:
            return


columns = [
    "id",
    "time_started",
    "direction",
    "extension",
    "from_number",
    "to_number",
    "status",
    "billsec",
    "recording_url",
]
table = csv.DictWriter(sys.stdout, columns, extrasaction="ignore")
table.writeheader()
table.writerows(calls(sys.argv[1]))
