#!/usr/bin/env bash
# Asterisk 22.10.1 (Debian 1:22.10.1+dfsg+~cs6.17.60671434-1), func_strings
#
# STRFTIME(,UTC,%s) in the dialplan should be the seconds since 1970, as ${EPOCH} is. Where the
# process's TZ is another zone than the one that the function is asked for, it is wrong by the
# difference. Other formats of the same call are right.
#
# Seen with TZ=ICT-7 (seven hours east, as in Vietnam):
#   EPOCH - STRFTIME(,UTC,%s): 25200
#   EPOCH - time by STRFTIME(,UTC,%Y-%m-%d %H:%M:%S): 0
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
func_strings'
{ printf '[modules]\nautoload = no\n'; printf 'load = %s.so\n' $modules; } > modules.conf
cat > extensions.conf << 'END'
[x]
exten => time,1,Set(NOW=${EPOCH})
 same => n,Set(SECONDS=${STRFTIME(${NOW},UTC,%s)})
 same => n,Set(TEXT=${STRFTIME(${NOW},UTC,%Y-%m-%d %H:%M:%S)})
 same => n,Set(GLOBAL(SEEN)=${NOW}|${SECONDS}|${TEXT})
 same => n,Hangup()
exten => wait,1,Wait(1)
END

# --- Asterisk, and what it does
TZ=ICT-7 "$loader" --library-path "$libraries" "$work/root/usr/sbin/asterisk" \
  -f -C "$work/etc/asterisk.conf" > "$work/log/console" 2>&1 &
pid=$!
python3 - "$http" "$work" << 'END'
import base64
import datetime
import json
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


def seen():
    return ari("GET", "asterisk/variable", variable="SEEN")[1].get("value")


ari("POST", "channels", endpoint="Local/time@x", context="x", extension="wait", priority=1)
epoch, seconds, text = until(seen).split("|")
utc = datetime.datetime.fromisoformat(text + "+00:00").timestamp()
expect("EPOCH - STRFTIME(,UTC,%s)", int(epoch) - int(seconds), 25200)
expect("EPOCH - time by STRFTIME(,UTC,%Y-%m-%d %H:%M:%S)", int(epoch) - int(utc), 0)
END
