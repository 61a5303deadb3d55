#!/usr/bin/env bash
# Asterisk 22.10.1 (Debian 1:22.10.1+dfsg+~cs6.17.60671434-1), res_pjsip_rfc3326 and chan_pjsip
#
# A carrier answers an INVITE with 503 and "Reason: Q.850;cause=17" (RFC 3326): the called party is
# busy behind a gateway. res_pjsip_rfc3326 reads that cause, and chan_pjsip then overwrites it with
# the cause that it makes of the status, 34 (congestion): neither the dialplan nor ARI nor CEL gets
# to know the cause that was sent.
#
# Expected: HANGUPCAUSE is 17, since the header says more than the status.
#
# Seen:
#   HANGUPCAUSE after 486 Busy Here: 17
#   HANGUPCAUSE after 503 Service Unavailable: 34
#   HANGUPCAUSE after 503 Service Unavailable with Reason: Q.850;cause=17: 34
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
printf '[logfiles]\nfull = warning,error\n' > logger.conf
touch pjproject.conf udptl.conf websocket_client.conf features.conf acl.conf
modules='res_sorcery_config res_sorcery_memory res_sorcery_astdb res_pjproject
res_http_websocket res_websocket_client res_stasis res_ari res_ari_model res_ari_asterisk
res_stasis_answer res_stasis_playback res_stasis_recording res_stasis_snoop res_ari_channels
res_pjsip res_pjsip_session res_pjsip_pubsub res_pjsip_rfc3326 pbx_config
app_dial func_global func_logic res_pjsip_sdp_rtp res_rtp_asterisk chan_pjsip codec_alaw'
{ printf '[modules]\nautoload = no\n'; printf 'load = %s.so\n' $modules; } > modules.conf
cat > pjsip.conf << END
[udp]
type = transport
protocol = udp
bind = 127.0.0.1:$sip
[carrier]
type = endpoint
context = x
disallow = all
allow = alaw
END
touch sorcery.conf
cat > extensions.conf << 'END'
[x]
exten => _X.,1,Dial(PJSIP/carrier/sip:1@127.0.0.1:${EXTEN},10)
 same => n,Set(GLOBAL(CAUSE)=${HANGUPCAUSE})
 same => n,Hangup()
exten => hold,1,Wait(20)
END

# --- Asterisk, and what it does
"$loader" --library-path "$libraries" "$work/root/usr/sbin/asterisk" \
  -f -C "$work/etc/asterisk.conf" > "$work/log/console" 2>&1 &
pid=$!
python3 - "$http" "$work" << 'END'
import base64
import json
import re
import socket
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

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


carrier = socket.socket(type=socket.SOCK_DGRAM)
carrier.bind(("127.0.0.1", 0))
carrier.settimeout(10)
PORT = carrier.getsockname()[1]


def cause(line, *headers):
    """HANGUPCAUSE of a call that the carrier answers like that."""
    ari("POST", "asterisk/variable", variable="CAUSE", value="")
    where = {"endpoint": f"Local/{PORT}@x", "context": "x", "extension": "hold"}
    status, told = ari("POST", "channels", priority="1", formats="alaw", **where)
    if status != 200:
        sys.exit(f"POST channels: {status} {told}")
    while True:
        text, address = carrier.recvfrom(65536)
        invite = text.decode()
        if invite.startswith("INVITE "):
            break
    kept = re.findall(r"(?im)^(?:Via|From|Call-ID|CSeq):[^\r\n]*", invite)
    to = re.search(r"(?im)^To:[^\r\n]*", invite)[0]
    lines = [f"SIP/2.0 {line}", *kept, f"{to};tag=1", *headers, "Content-Length: 0", "", ""]
    carrier.sendto("\r\n".join(lines).encode(), address)
    return until(lambda: ari("GET", "asterisk/variable", variable="CAUSE")[1].get("value"))


expect("HANGUPCAUSE after 486 Busy Here", cause("486 Busy Here"), "17")
refusal = "503 Service Unavailable"
expect(f"HANGUPCAUSE after {refusal}", cause(refusal), "34")
reason = "Reason: Q.850;cause=17"
expect(f"HANGUPCAUSE after {refusal} with {reason}", cause(refusal, reason), "34")
END
