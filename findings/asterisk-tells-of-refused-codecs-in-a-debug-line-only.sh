#!/usr/bin/env bash
# Asterisk 22.10.1 (Debian 1:22.10.1+dfsg+~cs6.17.60671434-1), res_pjsip_session
#
# A phone offers codecs that its endpoint does not allow: the call is refused with 488, as it has to
# be. There is no notice, warning or error in the log, no channel, so no ARI event and no entry of
# the CEL log either. Where the media profile does not fit (RTP/SAVP without keys), which gets 488
# too, the log has an error with the endpoint's name.
#
# Expected: a notice that names the endpoint and the codecs, as for a re-INVITE.
#
# The way out: one source file, pjsip_session_caps.c, has a debug line of level 3 with both for each
# offer, and `core set debug` takes the name of a file: no other debug line is written then.
#
# Seen:
#   RTP/AVP with G.729 alone: status, lines that name the endpoint: (488, 0)
#   its debug line: 'phone' Caps for incoming audio call with pref 'local' - remote: (g729) local: (alaw) joint: (nothing)
#   RTP/SAVP without keys: status, lines that name the endpoint: (488, 1)
#   channels that were made: 0
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

# --- the configuration
read -r http sip < <(python3 -c '
import socket
tcp, udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
tcp.bind(("127.0.0.1", 0))
udp.bind(("127.0.0.1", 0))
print(tcp.getsockname()[1], udp.getsockname()[1])')
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
printf '[logfiles]\nfull = notice,warning,error,verbose\ndebug = debug\n' > logger.conf
printf '[startup_commands]\ncore set debug 3 res_pjsip_session/pjsip_session_caps.c = yes\n' > cli.conf
touch pjproject.conf udptl.conf websocket_client.conf features.conf acl.conf
modules='res_sorcery_config res_sorcery_memory res_sorcery_astdb res_pjproject
res_http_websocket res_websocket_client res_stasis res_ari res_ari_model res_ari_asterisk
res_pjsip res_pjsip_session res_pjsip_pubsub res_pjsip_endpoint_identifier_ip pbx_config
res_pjsip_sdp_rtp res_rtp_asterisk chan_pjsip codec_alaw'
{ printf '[modules]\nautoload = no\n'; printf 'load = %s.so\n' $modules; } > modules.conf
cat > pjsip.conf << END
[udp]
type = transport
protocol = udp
bind = 127.0.0.1:$sip
[phone]
type = endpoint
context = x
disallow = all
allow = alaw
[phone]
type = identify
endpoint = phone
match = 127.0.0.1
END
touch sorcery.conf
cat > extensions.conf << 'END'
[x]
exten => _X.,1,Set(GLOBAL(CHANNELS)=$[${CHANNELS} + 1])
 same => n,Hangup()
END

# --- Asterisk, and what it does
"$loader" --library-path "$libraries" "$work/root/usr/sbin/asterisk" \
  -f -C "$work/etc/asterisk.conf" > "$work/log/console" 2>&1 &
pid=$!
python3 - "$http" "$work" "$sip" << 'END'
import base64
import json
import re
import socket
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

HTTP, WORK, SIP = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])


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


phone = socket.socket(type=socket.SOCK_DGRAM)
phone.bind(("127.0.0.1", 0))
phone.settimeout(10)
PORT = phone.getsockname()[1]


def status(number, media):
    """The final response to a call that offers this media."""
    sdp = "\r\n".join(
        ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", media, ""]
    )
    lines = [
        f"INVITE sip:{number}@127.0.0.1:{SIP} SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:{PORT};branch=z9hG4bK{number}",
        "Max-Forwards: 70",
        "From: <sip:phone@127.0.0.1>;tag=1",
        f"To: <sip:{number}@127.0.0.1>",
        f"Call-ID: {number}",
        "CSeq: 1 INVITE",
        f"Contact: <sip:phone@127.0.0.1:{PORT}>",
        "Content-Type: application/sdp",
        f"Content-Length: {len(sdp)}",
        "",
        sdp,
    ]
    phone.sendto("\r\n".join(lines).encode(), ("127.0.0.1", SIP))
    while True:
        answer = phone.recv(65536).decode()
        if answer.startswith("SIP/2.0 ") and f"Call-ID: {number}\r" in answer:
            code = int(answer.split()[1])
            if code >= 200:
                return code


def naming():
    """The lines of the log that name the endpoint."""
    with open(f"{WORK}/log/full") as log:
        return sum(" phone: " in line or "'phone'" in line for line in log)


seen = status(100, "m=audio 4000 RTP/AVP 18")
time.sleep(1)
expect("RTP/AVP with G.729 alone: status, lines that name the endpoint", (seen, naming()), (488, 0))
with open(f"{WORK}/log/debug") as log:
    lines = [line.partition("caps.c: ")[2].strip() for line in log if "DEBUG[" in line]
expect("its debug line", *lines, "'phone' Caps for incoming audio call with pref 'local' - "
       "remote: (g729) local: (alaw) joint: (nothing)")
seen = status(101, "m=audio 4000 RTP/SAVP 8")
until(naming)
expect("RTP/SAVP without keys: status, lines that name the endpoint", (seen, naming()), (488, 1))
made = ari("GET", "asterisk/variable", variable="CHANNELS")[1].get("value")
expect("channels that were made", made or "0", "0")
END
