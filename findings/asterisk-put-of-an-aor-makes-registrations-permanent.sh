#!/usr/bin/env bash
# Asterisk 22.10.1 (Debian 1:22.10.1+dfsg+~cs6.17.60671434-1), res_pjsip over ARI
#
# A phone registers at an AOR that was made by PUT /ari/asterisk/config/dynamic/res_pjsip/aor/101.
# A second PUT of that AOR (here: max_contacts, nothing about contacts) copies the contact of the
# registration into the AOR's own permanent contacts. From then on the AOR has it twice, so that
# Dial() with PJSIP_DIAL_CONTACTS() rings the phone twice; and when the phone signs off
# (Expires: 0, answered 200) its contact stays for ever, since permanent contacts do not expire.
#
# Expected: a registration ends when it expires or is taken back, whatever is configured meanwhile.
#
# Seen:
#   contacts after REGISTER: 1
#   contacts after a PUT of max_contacts: 2
#   what Dial() would ring: 2
#   answer to REGISTER with Expires 0: SIP/2.0 200 OK
#   contacts after the phone has signed off: 1
#   the same without the second PUT: 0
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
res_pjsip_registrar res_rtp_asterisk chan_pjsip func_pjsip_aor func_pjsip_contact
func_strings res_stasis_answer res_stasis_playback
res_stasis_recording res_stasis_snoop res_ari_channels'
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
exten => ask,1,Set(CONTACTS=${PJSIP_DIAL_CONTACTS(101)})
 same => n,Set(GLOBAL(RINGS)=${FIELDQTY(CONTACTS,&)})
 same => n,Hangup()
exten => other,1,Wait(1)
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


def register(extension, expires):
    """The first line of the final answer."""
    call = next(calls)
    phone.sendto(
        (
            f"REGISTER sip:127.0.0.1 SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{PORT};rport;branch=z9hG4bK{call}\r\n"
            f"From: <sip:{extension}@127.0.0.1>;tag={call}\r\n"
            f"To: <sip:{extension}@127.0.0.1>\r\nCall-ID: {call}\r\nCSeq: {call} REGISTER\r\n"
            f"Contact: <sip:{extension}@127.0.0.1:{PORT}>\r\nExpires: {expires}\r\n"
            "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        ).encode(),
        ("127.0.0.1", SIP),
    )
    while not (line := phone.recv(9999).decode().split("\r\n")[0]).startswith("SIP/2.0 "):
        pass
    return line


def contacts(extension):
    shown = ari("GET", f"asterisk/config/dynamic/res_pjsip/aor/{extension}")[1]
    return len([each for each in listed(shown).get("contact", []) if each])


def rings():
    ari("POST", "channels", endpoint="Local/ask@x", context="x", extension="other", priority=1)
    return int(until(lambda: ari("GET", "asterisk/variable", variable="RINGS")[1].get("value")))


for extension in ("101", "102"):
    put("aor", extension, max_contacts="5")
    put("endpoint", extension, aors=extension, allow="alaw")
    if register(extension, 300) != "SIP/2.0 200 OK":
        sys.exit("the phone could not register")
expect("contacts after REGISTER", contacts("101"), 1)
put("aor", "101", max_contacts="4")
expect("contacts after a PUT of max_contacts", contacts("101"), 2)
expect("what Dial() would ring", rings(), 2)
expect("answer to REGISTER with Expires 0", register("101", 0), "SIP/2.0 200 OK")
expect("contacts after the phone has signed off", contacts("101"), 1)
register("102", 0)
expect("the same without the second PUT", contacts("102"), 0)
END
