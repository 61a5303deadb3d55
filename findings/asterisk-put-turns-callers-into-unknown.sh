#!/usr/bin/env bash
# Asterisk 22.10.1 (Debian 1:22.10.1+dfsg+~cs6.17.60671434-1), res_pjsip over ARI
#
# PUT /ari/asterisk/config/dynamic/res_pjsip/endpoint/101 changes the fields that it names. It also
# changes one that it does not name: Asterisk reads all other fields back from its own display of
# them, and an endpoint without caller id is displayed as callerid "<unknown>". After any second
# PUT (here: rtp_timeout) the endpoint has the caller id "unknown", which replaces what the phone
# says in From: its calls come from the number "unknown".
#
# Expected: a field that is not named stays as it is, here: empty.
#
# Seen:
#   caller of a call: "Bob" <101>
#   caller of a call after a PUT of rtp_timeout: "" <unknown>
#   caller of a call after a PUT of rtp_timeout that names callerid, too: "Bob" <101>
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
touch extensions.conf pjproject.conf udptl.conf websocket_client.conf features.conf acl.conf
modules='res_sorcery_config res_sorcery_memory res_sorcery_astdb res_pjproject
res_http_websocket res_websocket_client res_stasis res_ari res_ari_model res_ari_asterisk
res_pjsip res_pjsip_session res_pjsip_pubsub res_pjsip_endpoint_identifier_user pbx_config
func_global
res_pjsip_caller_id res_pjsip_sdp_rtp res_rtp_asterisk chan_pjsip func_callerid
codec_alaw'
{ printf '[modules]\nautoload = no\n'; printf 'load = %s.so\n' $modules; } > modules.conf
cat > pjsip.conf << END
[udp]
type = transport
protocol = udp
bind = 127.0.0.1:$sip
END
cat > sorcery.conf << 'END'
[res_pjsip]
endpoint = memory
aor = memory
contact = astdb,registrar
END
cat > extensions.conf << 'END'
[x]
exten => 500,1,Set(GLOBAL(CALLER)=${CALLERID(all)})
 same => n,Hangup()
END

# --- Asterisk, and what it does
"$loader" --library-path "$libraries" "$work/root/usr/sbin/asterisk" \
  -f -C "$work/etc/asterisk.conf" > "$work/log/console" 2>&1 &
pid=$!
python3 - "$http" "$sip" "$work" << 'END'
import base64
import json
import socket
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

HTTP, SIP, WORK = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]


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


def put(kind, name, **fields):
    """The fields that Asterisk shows, as lists, after a PUT of these."""
    status, shown = ari(
        "PUT",
        f"asterisk/config/dynamic/res_pjsip/{kind}/{name}",
        {"fields": [{"attribute": key, "value": value} for key, value in fields.items()]},
    )
    if status != 200:
        sys.exit(f"PUT {kind}: {status} {shown}")
    return listed(shown)


def listed(shown):
    found = {}
    for each in shown:
        found.setdefault(each["attribute"], []).append(each["value"])
    return found


phone = socket.socket(type=socket.SOCK_DGRAM)
phone.bind(("127.0.0.1", 0))
phone.settimeout(5)
PORT = phone.getsockname()[1]

calls = iter(range(1, 100))


def caller():
    """The caller id that the dialplan sees in a call of Bob, whose phone is 101."""
    call = next(calls)
    offer = (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        "m=audio 40000 RTP/AVP 8\r\n"
    )
    ari("POST", "asterisk/variable", variable="CALLER", value="")
    phone.sendto(
        (
            f"INVITE sip:500@127.0.0.1 SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{PORT};rport;branch=z9hG4bK{call}\r\n"
            f'From: "Bob" <sip:101@127.0.0.1>;tag={call}\r\nTo: <sip:500@127.0.0.1>\r\n'
            f"Call-ID: {call}\r\nCSeq: 1 INVITE\r\nContact: <sip:101@127.0.0.1:{PORT}>\r\n"
            "Max-Forwards: 70\r\nContent-Type: application/sdp\r\n"
            f"Content-Length: {len(offer)}\r\n\r\n{offer}"
        ).encode(),
        ("127.0.0.1", SIP),
    )
    return until(lambda: ari("GET", "asterisk/variable", variable="CALLER")[1].get("value"))


put("endpoint", "101", context="x", allow="alaw")
expect("caller of a call", caller(), '"Bob" <101>')
put("endpoint", "101", rtp_timeout="30")
expect("caller of a call after a PUT of rtp_timeout", caller(), '"" <unknown>')
ari("DELETE", "asterisk/config/dynamic/res_pjsip/endpoint/101")
put("endpoint", "101", context="x", allow="alaw")
put("endpoint", "101", rtp_timeout="30", callerid="")
expect(
    "caller of a call after a PUT of rtp_timeout that names callerid, too",
    caller(),
    '"Bob" <101>',
)
END
