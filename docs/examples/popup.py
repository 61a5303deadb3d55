"""popup.py: the receiver, and a page for agents that pops up when their phone rings: http://127.0.0.1:9000/?extension=201"""

import json, os, queue, sys, urllib.parse, urllib.request
from http.server import ThreadingHTTPServer
from pathlib import Path

import receiver

if "API_KEY" not in os.environ or len(sys.argv) != 2:
    sys.exit("usage: API=http://127.0.0.1:8080 API_KEY=... python3 popup.py 9000")
API, API_KEY = os.environ["API"], os.environ["API_KEY"]
pages = {}  # extension -> queues of the pages that are open for it


def tell_pages(event):
    extension = event["from_number"] if event["direction"] == "outbound" else event["to_number"]
    for page in pages.get(extension, []):
        page.put(event)


def new_token():
    asked = urllib.request.Request(
        f"{API}/v1/auth/token", json.dumps({"api_key": API_KEY}).encode()
    )
    return json.load(urllib.request.urlopen(asked))["data"]["token"]


class Crm(receiver.Receiver):
    def do_GET(self):
        address = urllib.parse.urlsplit(self.path)
        if address.path == "/live":
            self.live(urllib.parse.parse_qs(address.query)["extension"][0])
        elif (
            address.path == "/token"
        ):  # behind your own log-in: the API key itself stays on the server
            self.say("application/json", json.dumps({"api": API, "token": new_token()}))
        else:
            self.say(
                "text/html; charset=utf-8",
                Path(__file__).with_name("popup.html").read_text("utf-8"),
            )

    def live(self, extension):
        page = queue.Queue()
        pages.setdefault(extension, []).append(page)
        self.start("text/event-stream")
        try:
            while True:
                self.wfile.write(f"data: {json.dumps(page.get())}\n\n".encode())
        except ConnectionError:  # the page was closed
            pages[extension].remove(page)

    def say(self, kind, text):
        self.start(kind)
        self.wfile.write(text.encode())

    def start(self, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()


if __name__ == "__main__":
    receiver.handle = tell_pages
    try:
        server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Crm)
    except OSError as reason:
        sys.exit(f"port {sys.argv[1]}: {reason.strerror}. End receiver.py first: this is one, too.")
    server.serve_forever()
