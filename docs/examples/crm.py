"""crm.py: a CRM in one file, with the phone in its page: API=https://pbx.example.vn API_KEY=... python3 crm.py 9000, then
http://127.0.0.1:9000/?extension=101 (a real CRM knows the extension of who is signed in). The API key has the scope phone:grant.
"""

import json, os, secrets, sys, urllib.parse, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

API, API_KEY = os.environ["API"], os.environ["API_KEY"]

PAGE = """<!doctype html>
<html lang="vi">
<meta charset="utf-8">
<title>CRM</title>
<h1>Khách hàng</h1>
<ul id="customers">
  <li>Trần Thị Lan, 0909 000 111</li>
  <li>Nguyễn Văn Ba, 0909 000 222</li>
</ul>
<p id="caller"></p>
<script nonce="{nonce}" src="{api}/tongdai.js"></script>
<script nonce="{nonce}">
  tongdai.start({
    token: async () => (await fetch("/phone-token" + location.search)).text(),
    crmUrl: location.origin + "/?customer={number}",
    clickToCall: document.getElementById("customers"),
  });
  const show = (text) => { document.getElementById("caller").textContent = text; };
  tongdai.on("ringing", (call) => show(`Đang gọi đến: ${call.name} ${call.number}`));
  tongdai.on("answered", (call) => show(`Đang nói chuyện với ${call.number}`));
  tongdai.on("ended", (call) => show(`Đã kết thúc: ${call.number}`));
</script>
</html>
"""


def asked(path, body, token=""):
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(f"{API}{path}", json.dumps(body).encode(), headers)
    return json.load(urllib.request.urlopen(request))


def phone_token(extension):
    """Behind your own log-in: the API key itself stays on the server."""
    token = asked("/v1/auth/token", {"api_key": API_KEY})["data"]["token"]
    return asked("/v1/phone/tokens", {"extension": extension}, token)["token"]


class Crm(BaseHTTPRequestHandler):
    def do_GET(self):
        address = urllib.parse.urlsplit(self.path)
        if address.path == "/phone-token":
            extension = urllib.parse.parse_qs(address.query)["extension"][0]
            return self.say("text/plain", phone_token(extension))
        nonce, sockets = secrets.token_urlsafe(16), API.replace("http", "ws", 1)
        policy = f"default-src 'none'; script-src 'nonce-{nonce}'; connect-src 'self' {API} {sockets}"
        return self.say(
            "text/html; charset=utf-8",
            PAGE.replace("{nonce}", nonce).replace("{api}", API),
            policy,
        )

    def say(self, kind, text, policy=""):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        if policy:
            self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        self.wfile.write(text.encode())


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Crm).serve_forever()
