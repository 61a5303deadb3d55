"""receiver.py: takes tongdai's events, knows that they are genuine, and handles each one once."""

import base64, hmac, json, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEYS = [base64.b64decode(line.strip().removeprefix("whsec_")) for line in open("secrets.txt")]
seen = set()  # in real life: a table with a unique index on the webhook-id


def is_genuine(headers, body):
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    good = ["v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in KEYS]
    given = (headers["webhook-signature"] or "").split()
    is_fresh = abs(time.time() - int(headers["webhook-timestamp"] or 0)) < 300
    return is_fresh and any(hmac.compare_digest(one, other) for one in good for other in given)


def handle(event):
    print(
        event["state"],
        event["call_id"],
        event["from_number"],
        "->",
        event["to_number"],
        event["recording_url"],
        flush=True,
    )


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        genuine = is_genuine(self.headers, body)
        if genuine and self.headers["webhook-id"] not in seen:
            handle(json.loads(body))  # if this raises, the event comes again
            seen.add(self.headers["webhook-id"])
        self.send_response(204 if genuine else 401)
        self.end_headers()


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
