#!/usr/bin/env bash
# Asterisk 22.10.1 (Debian 1:22.10.1+dfsg+~cs6.17.60671434-1), AstDB (astdb.sqlite3)
#
# Asterisk commits what was written to AstDB about once a second. While another process holds a
# read lock on the file at that moment (a SELECT that is under way, a copy by `sqlite3 .backup`),
# the COMMIT fails ("database is locked"). Asterisk does not wait or try again: it rolls back, and
# everything written since the last commit is gone, from the file and from what DB() reads, though
# `database put` had said that it was stored.
#
# Expected: the transaction stays open and is committed later; a reader destroys nothing.
#
# Seen:
#   put says: Updated database successfully
#   get before the commit says: Value: before
#   get after the commit failed says: Database entry not found.
#   log: Error executing SQL (COMMIT): database is locked
#   put and read by nobody: Value: later
#
# Exits 0 while Asterisk behaves so, 1 when it does otherwise, with another status when the
# package cannot be had. Needs Debian (or apt sources that name Debian's archive) and Python 3;
# no root. Everything is in a temporary folder.
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
printf '[modules]\nautoload = no\n' > modules.conf
touch extensions.conf pjproject.conf udptl.conf websocket_client.conf features.conf acl.conf

# --- Asterisk, and what it does
asterisk=("$loader" --library-path "$libraries" "$work/root/usr/sbin/asterisk"
  -C "$work/etc/asterisk.conf")
"${asterisk[@]}" -f > "$work/log/console" 2>&1 &
pid=$!
python3 - "$work" "${asterisk[@]}" << 'END'
import sqlite3
import subprocess
import sys
import time

WORK, ASTERISK = sys.argv[1], sys.argv[2:]


def console(command):
    """What Asterisk's console answers."""
    ran = subprocess.run([*ASTERISK, "-rx", command], capture_output=True, text=True, timeout=10)
    return ran.stdout.strip()


def until(look, seconds=15):
    """What `look` returns as soon as it is true, or false after so long."""
    end = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def logged():
    return LOCKED if LOCKED in open(f"{WORK}/log/full").read() else ""


def expect(what, seen, wanted):
    print(f"{what}: {seen}")
    if seen != wanted:
        sys.exit(f"the behaviour has changed: expected {wanted}")


LOCKED = "Error executing SQL (COMMIT): database is locked"
STORED = "Updated database successfully"

if not until(lambda: "fully booted" in console("core waitfullybooted")):
    sys.exit(open(f"{WORK}/log/console").read())
time.sleep(2.5)  # what it wrote at its start is committed

reader = sqlite3.connect(f"file:{WORK}/lib/astdb.sqlite3?mode=ro", uri=True, isolation_level=None)
console("database put family first before")  # is committed at once, and a second of rest follows
time.sleep(0.3)
reader.execute("BEGIN")
reader.execute("SELECT count(*) FROM astdb").fetchone()  # a read lock, until ROLLBACK
expect("put says", console("database put family key before"), STORED)
expect("get before the commit says", console("database get family key"), "Value: before")
expect("log", until(logged) or "silent", LOCKED)
reader.execute("ROLLBACK")
gone = "Database entry not found."
expect("get after the commit failed says", console("database get family key"), gone)
console("database put family key later")
time.sleep(2.5)
expect("put and read by nobody", console("database get family key"), "Value: later")
END
