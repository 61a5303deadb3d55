#!/usr/bin/env bash
# Asterisk 22.10.1 (Debian 1:22.10.1+dfsg+~cs6.17.60671434-1); websocket-client 1.9.0 (PyPI)
#
# MixMonitor() records a channel whose peer in the bridge changes, as after a transfer. If the new
# peer's RTP sequence numbers are lower than those of the peer before, nothing of what it says is
# in the file, although the recorded party hears every packet of it. RFC 3550 lets each sender
# begin with a random number, so chance decides whether a recording goes on after a transfer.
# No SIP is needed to see it: three RTP parties (externalMedia), one recorded, the two others in a
# bridge with it one after the other, for two seconds each.
#
# Expected: the recording has what the recorded party hears.
#
# Seen (seconds of each peer's tone; "from": its first sequence number):
#   first peer from 100, second peer from 25000:
#     first heard 2 recorded 2, second heard 2 recorded 2
#   first peer from 25000, second peer from 100:
#     first heard 2 recorded 2, second heard 2 recorded 0
#
# Exits 0 while Asterisk behaves so, 1 when it does otherwise, with another status when the
# package cannot be had. Needs Debian (or apt sources that name Debian's archive) and Python 3;
# no root. Everything is in a temporary folder and on 127.0.0.1.
set -euo pipefail

package='asterisk=1:22.10.1+dfsg+~cs6.17.60671434-1'
suite=forky

work=$(mktemp -d)
pid=
finish() {
  trap '' INT TERM
  if [ -n "$pid" ]; then
    kill "$pid" 2>/dev/null || true
    for _ in {1..50}; do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# --- the package: an apt of its own, which takes nothing as installed, down to the C library
apt=$work/apt
mkdir -p "$apt"/{state/lists/partial,cache/archives/partial} "$work"/{etc,lib,spool,run,log}
archive=$(apt-get indextargets --no-release-info --format '$(REPO_URI) $(COMPONENT)' \
  'Created-By: Packages' | awk '$1 ~ "/debian/$" && $2 == "main" && !n++ { print $1 }')
[ -n "$archive" ] || { echo "apt's sources do not name Debian's archive" >&2; exit 2; }
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive $suite main" \
  > "$apt/sources.list"
: > "$apt/status"
{
  apt-config dump --format '%f "%v";%n' Acquire
  cat << END
Dir::State "$apt/state";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Main "/dev/null";
Dir::Etc::Parts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
APT::Sandbox::User "";
APT::Install-Recommends "0";
Debug::NoLocking "1";
END
} > "$apt/apt.conf"
export APT_CONFIG=$apt/apt.conf
apt-get -qq update
(cd "$apt" && apt-get -qq -y install --download-only "$package")
for deb in "$apt"/cache/archives/*.deb; do
  dpkg-deb -x "$deb" "$work/root"
done
unset APT_CONFIG
loader=$(ls "$work"/root/usr/lib*/ld-linux*.so.* | head -n 1)
libraries=$(dirname "$work"/root/usr/lib/*/libc.so.6)
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore \
  --target "$work/python" websocket-client==1.9.0
export PYTHONPATH=$work/python

# --- the configuration
http=$(python3 -c '
import socket
with socket.socket() as tcp:
    tcp.bind(("127.0.0.1", 0))
    print(tcp.getsockname()[1])')
cd "$work/etc"
cat > asterisk.conf << END
[directories]
astetcdir => $work/etc
astmoddir => $(echo "$work"/root/usr/lib/*/asterisk/modules)
astvarlibdir => $work/lib
astdbdir => $work/lib
astkeydir => $work/lib
astdatadir => $work/root/usr/share/asterisk
astspooldir => $work/spool
astrundir => $work/run
astlogdir => $work/log
END
printf '[general]\nenabled = yes\nbindaddr = 127.0.0.1\nbindport = %s\n' "$http" > http.conf
printf '[general]\nenabled = yes\n[ari]\ntype = user\npassword = ari\n' > ari.conf
printf '[logfiles]\nfull = warning,error\n' > logger.conf
touch extensions.conf pjproject.conf udptl.conf websocket_client.conf features.conf acl.conf
modules='res_sorcery_config res_http_websocket res_websocket_client res_stasis
res_stasis_answer res_stasis_playback res_stasis_recording res_stasis_snoop res_ari
res_ari_model res_ari_asterisk res_ari_applications res_ari_bridges res_ari_channels
res_ari_events pbx_config func_global app_stasis
res_pjproject res_rtp_asterisk res_rtp_multicast chan_rtp bridge_simple bridge_softmix
codec_ulaw format_wav app_mixmonitor'
{ printf '[modules]\nautoload = no\n'; printf 'load = %s.so\n' $modules; } > modules.conf
cat > extensions.conf << 'END'
[x]
exten => record,1,MixMonitor(${FILE})
 same => n,Stasis(one)
END

# --- Asterisk, and what it does
"$loader" --library-path "$libraries" "$work/root/usr/sbin/asterisk" \
  -f -C "$work/etc/asterisk.conf" > "$work/log/console" 2>&1 &
pid=$!
python3 - "$http" "$work" << 'END'
import base64
import itertools
import json
import socket
import struct
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import wave

import websocket

HTTP, WORK = int(sys.argv[1]), sys.argv[2]


def ari(method, path, body=None, **query):
    """The status and the JSON of Asterisk's answer."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{HTTP}/ari/{path}?{urllib.parse.urlencode(query)}",
        None if body is None else json.dumps(body).encode(),
        {
            "Authorization": "Basic " + base64.b64encode(b"ari:ari").decode(),
            "Content-Type": "application/json",
        },
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")


def until(look, seconds=15):
    """What `look` returns as soon as it is true, or false after so long."""
    end = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def answers():
    try:
        return ari("GET", "asterisk/info")[0] == 200
    except (OSError, ValueError):  # it listens before it is ready
        return False


def expect(what, seen, wanted):
    print(f"{what}: {seen}")
    if seen != wanted:
        sys.exit(f"the behaviour has changed: expected {wanted}")


if not until(answers):
    sys.exit(open(f"{WORK}/log/console").read())

TONE = (b"\x1f" * 8 + b"\x9f" * 8) * 10  # a square wave of 500 Hz in u-law, 20 ms
SILENCE = b"\xff" * 160

link = websocket.create_connection(
    f"ws://127.0.0.1:{HTTP}/ari/events?app=one&api_key=ari:ari", timeout=10
)


class Party:
    """Sends RTP with these sequence numbers, and counts the packets of the tone that it hears."""

    def __init__(self, name, first, sound):
        self.name, self.heard, self.is_over = name, 0, threading.Event()
        self.rtp = socket.socket(type=socket.SOCK_DGRAM)
        self.rtp.bind(("127.0.0.1", 0))
        self.rtp.settimeout(0.1)
        status, made = ari(
            "POST",
            "channels/externalMedia",
            channelId=name,
            app="one",
            format="ulaw",
            external_host=f"127.0.0.1:{self.rtp.getsockname()[1]}",
        )
        if status != 200:
            sys.exit(f"externalMedia: {status} {made}")
        port = int(made["channelvars"]["UNICASTRTP_LOCAL_PORT"])
        self.started(name)
        for each in (self.listen, lambda: self.send(port, first, sound)):
            threading.Thread(target=each, daemon=True).start()

    def started(self, name):
        while True:
            message = json.loads(link.recv())
            if message["type"] == "StasisStart" and message["channel"]["id"] == name:
                return

    def send(self, port, first, sound):
        begun = time.monotonic()
        for n in itertools.count():
            if self.is_over.wait(max(0, begun + n * 0.02 - time.monotonic())):
                return
            header = struct.pack("!BBHII", 0x80, 0, (first + n) % 65536, n * 160, id(self) % 2**32)
            self.rtp.sendto(header + sound, ("127.0.0.1", port))

    def listen(self):
        while not self.is_over.is_set():
            try:
                sound = self.rtp.recv(2000)[12:]
            except TimeoutError:
                continue
            self.heard += any(each not in b"\x7f\xff" for each in sound)

    def leave(self):
        ari("DELETE", f"channels/{self.name}")
        self.is_over.set()


def loud_seconds(file):
    """The times of the file's tenths of a second in which somebody speaks."""
    with wave.open(file) as opened:
        data = opened.readframes(opened.getnframes())
    samples = struct.unpack(f"<{len(data) // 2}h", data)
    starts = range(0, len(samples) - 800, 800)
    return [at / 8000 for at in starts if max(map(abs, samples[at : at + 800])) > 1000]


def recorded(name, firsts):
    """What is heard and recorded of two peers, one after the other, in seconds."""
    file = f"{WORK}/{name}.wav"
    party = Party(name, 50, SILENCE)
    ari("POST", f"channels/{name}/variable", variable="FILE", value=file)
    ari("POST", f"channels/{name}/continue", context="x", extension="record", priority=1)
    party.started(name)
    begun = time.monotonic()
    ari("POST", f"bridges/b{name}", type="mixing")
    ari("POST", f"bridges/b{name}/addChannel", channel=name)
    spoken = []
    for n, first in enumerate(firsts):
        peer = Party(f"{name}peer{n}", first, TONE)
        before, start = party.heard, time.monotonic() - begun
        ari("POST", f"bridges/b{name}/addChannel", channel=peer.name)
        time.sleep(2)
        peer.leave()
        spoken.append((start, time.monotonic() - begun, party.heard - before))
        time.sleep(1)
    party.leave()
    time.sleep(1)
    loud = loud_seconds(file)
    halfway = (spoken[0][1] + spoken[1][0]) / 2
    parts = (
        [at for at in loud if at < halfway],
        [at for at in loud if at >= halfway],
    )
    return ", ".join(
        f"{which} heard {round(heard / 50)} recorded {round(len(part) / 10)}"
        for which, (_, _, heard), part in zip(("first", "second"), spoken, parts, strict=True)
    )


expect(
    "first peer from 100, second peer from 25000",
    recorded("up", (100, 25000)),
    "first heard 2 recorded 2, second heard 2 recorded 2",
)
expect(
    "first peer from 25000, second peer from 100",
    recorded("down", (25000, 100)),
    "first heard 2 recorded 2, second heard 2 recorded 0",
)
END
