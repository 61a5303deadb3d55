#!/usr/bin/env bash
# Asterisk 22.10.1 (Debian 1:22.10.1+dfsg+~cs6.17.60671434-1), res_pjsip_registrar
#
# A phone authenticates as 101@a.example, and names an address-of-record of somebody else in To:
# 102@b.example, which is there. With identify_by=username the answer is 404, as the AOR is none of
# the endpoint's. With identify_by=username,auth_username (needed for calls whose From hides the
# number) the answer is 200: the registrar falls back to the user name of the digest, and binds the
# contact to the phone's own AOR.
#
# Expected: 403 or 404 (RFC 3261, section 10.3, steps 3 to 5): the AOR in To is not the phone's.
# identify_by tells how endpoints are identified, not that To counts no more.
#
# Seen:
#   identify_by=username: 404
#   identify_by=username,auth_username: 200
#   contacts of 101@a.example then: 1
#   contacts of 102@b.example then: 0
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
sip=$(python3 -c '
import socket
with socket.socket(type=socket.SOCK_DGRAM) as udp:
    udp.bind(("127.0.0.1", 0))
    print(udp.getsockname()[1])')
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
printf '[logfiles]\nfull = warning,error\n' > logger.conf
touch extensions.conf pjproject.conf udptl.conf features.conf acl.conf
modules='res_sorcery_config res_sorcery_memory res_sorcery_astdb res_pjproject res_pjsip
res_pjsip_session res_pjsip_endpoint_identifier_user res_pjsip_authenticator_digest
res_pjsip_registrar'
{ printf '[modules]\nautoload = no\n'; printf 'load = %s.so\n' $modules; } > modules.conf

# --- Asterisk, and what it does
start() {
  cat > pjsip.conf << END
[udp]
type = transport
protocol = udp
bind = 127.0.0.1:$sip
END
  for name in 101@a.example 102@b.example; do
    cat >> pjsip.conf << END
[$name]
type = auth
auth_type = digest
username = ${name%@*}
realm = ${name#*@}
password = secret
[$name]
type = aor
max_contacts = 5
[$name]
type = endpoint
auth = $name
aors = $name
identify_by = $1
END
  done
  "$loader" --library-path "$libraries" "$work/root/usr/sbin/asterisk" \
    -f -C "$work/etc/asterisk.conf" > "$work/log/console" 2>&1 &
  pid=$!
}

stop() {
  kill "$pid"
  wait "$pid" 2>/dev/null || true
  pid=
}

cat > "$work/phone.py" << 'END'
import hashlib
import re
import socket
import sys
import time

SIP = int(sys.argv[1])
phone = socket.socket(type=socket.SOCK_DGRAM)
phone.bind(("127.0.0.1", 0))
phone.settimeout(1)
PORT = phone.getsockname()[1]


def md5(*parts):
    return hashlib.md5(":".join(parts).encode()).hexdigest()


def register(user, domain, to, call, contact=True):
    """The status of the authenticated request, and the contacts that the answer lists."""
    credentials, answer = "", ""
    for cseq in (1, 2):
        lines = [
            f"REGISTER sip:{domain} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{PORT};rport;branch=z9hG4bK{call}{cseq}",
            f"From: <sip:{user}@{domain}>;tag={call}",
            f"To: <sip:{to}>",
            f"Call-ID: {call}",
            f"CSeq: {cseq} REGISTER",
            *([f"Contact: <sip:{user}@127.0.0.1:{PORT}>"] if contact else []),
            *([f"Authorization: {credentials}"] if credentials else []),
            "Max-Forwards: 70",
            "Content-Length: 0",
        ]
        answer = ask("\r\n".join([*lines, "", ""]).encode())
        if not answer.startswith("SIP/2.0 401"):
            break
        nonce = re.search('nonce="([^"]+)"', answer)[1]
        opaque = re.search('opaque="([^"]+)"', answer)[1]
        uri = f"sip:{domain}"
        response = md5(
            md5(user, domain, "secret"), nonce, "00000001", "c", "auth", md5("REGISTER", uri)
        )
        credentials = (
            f'Digest username="{user}", realm="{domain}", nonce="{nonce}", uri="{uri}", '
            f'response="{response}", algorithm=MD5, qop=auth, nc=00000001, cnonce="c", '
            f'opaque="{opaque}"'
        )
    contacts = re.findall(r"(?im)^Contact: (.*)", answer)
    return int(answer.split()[1]), sum(line.count("<sip:") for line in contacts)


def ask(message):
    end = time.monotonic() + 15
    while time.monotonic() < end:
        try:
            phone.sendto(message, ("127.0.0.1", SIP))
            answer = phone.recv(9999).decode()
        except OSError:  # it does not listen yet
            time.sleep(0.1)
            continue
        if answer.startswith("SIP/2.0 ") and not answer.startswith("SIP/2.0 1"):
            return answer
    sys.exit("Asterisk does not answer")


def expect(what, seen, wanted):
    print(f"{what}: {seen}")
    if seen != wanted:
        sys.exit(f"the behaviour has changed: expected {wanted}")


how, wanted = sys.argv[2], int(sys.argv[3])
status, _ = register("101", "a.example", "102@b.example", "one")
expect(f"identify_by={how}", status, wanted)
if wanted == 200:
    _, own = register("101", "a.example", "101@a.example", "two", contact=False)
    _, other = register("102", "b.example", "102@b.example", "three", contact=False)
    expect("contacts of 101@a.example then", own, 1)
    expect("contacts of 102@b.example then", other, 0)
END

start username
python3 "$work/phone.py" "$sip" username 404
stop
start username,auth_username
python3 "$work/phone.py" "$sip" username,auth_username 200
