#!/usr/bin/env bash
# Asterisk 22.10.1 (Debian 1:22.10.1+dfsg+~cs6.17.60671434-1), res_pjsip over ARI
#
# webrtc=yes is documented as a short form that sets other fields of an endpoint (use_avpf,
# media_encryption, ice_support, rtcp_mux, ...). A later PUT of webrtc=no takes none of them back:
# webrtc is shown as "no", and all others stay. A SIP phone that uses the endpoint from then on,
# and offers plain RTP, gets an answer with a DTLS fingerprint in it, as if it were a browser.
#
# Expected: webrtc=no gives the fields back their defaults, as in an endpoint made with webrtc=no.
#
# Seen:
#   answer to plain RTP, endpoint made with webrtc=no: SIP/2.0 200 OK, plain
#   answer to plain RTP after PUT webrtc=yes and PUT webrtc=no: SIP/2.0 200 OK, DTLS
#   webrtc: ['no']
#   fields that stay as webrtc=yes set them: bundle dtls_auto_generate_cert dtls_setup dtls_verify
#     ice_support media_encryption media_use_received_transport rtcp_mux use_avpf
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
res_pjsip_sdp_rtp res_rtp_asterisk res_srtp chan_pjsip codec_alaw'
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
exten => 500,1,Answer()
 same => n,Wait(1)
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


def call(extension):
    """The final answer to a call that offers plain RTP: its first line, and plain or DTLS."""
    number = next(calls)
    offer = (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        "m=audio 40000 RTP/AVP 8\r\n"
    )
    phone.sendto(
        (
            f"INVITE sip:500@127.0.0.1 SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{PORT};rport;branch=z9hG4bK{number}\r\n"
            f"From: <sip:{extension}@127.0.0.1>;tag={number}\r\nTo: <sip:500@127.0.0.1>\r\n"
            f"Call-ID: call{number}\r\nCSeq: 1 INVITE\r\n"
            f"Contact: <sip:{extension}@127.0.0.1:{PORT}>\r\nMax-Forwards: 70\r\n"
            f"Content-Type: application/sdp\r\nContent-Length: {len(offer)}\r\n\r\n{offer}"
        ).encode(),
        ("127.0.0.1", SIP),
    )
    while True:
        answer = phone.recv(9999).decode()
        line = answer.split("\r\n")[0]
        is_final = line.startswith("SIP/2.0 ") and not line.startswith("SIP/2.0 1")
        if is_final and f"Call-ID: call{number}\r\n" in answer:
            return f"{line}, {'DTLS' if 'a=fingerprint:' in answer else 'plain'}"


before = put("endpoint", "101", context="x", allow="alaw", webrtc="no")
expect("answer to plain RTP, endpoint made with webrtc=no", call("101"), "SIP/2.0 200 OK, plain")
during = put("endpoint", "101", webrtc="yes")
after = put("endpoint", "101", webrtc="no")
expect(
    "answer to plain RTP after PUT webrtc=yes and PUT webrtc=no",
    call("101"),
    "SIP/2.0 200 OK, DTLS",
)
expect("webrtc", after["webrtc"], ["no"])
kept = {name for name in before if before[name] != during[name] == after[name]} - {"callerid"}
expect(
    "fields that stay as webrtc=yes set them",
    " ".join(sorted(kept)),
    "bundle dtls_auto_generate_cert dtls_setup dtls_verify ice_support media_encryption "
    "media_use_received_transport rtcp_mux use_avpf",
)
END
