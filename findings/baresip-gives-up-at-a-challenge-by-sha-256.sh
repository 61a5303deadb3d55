#!/usr/bin/env bash
# baresip 1.1.0 (Debian 1.1.0-3, with libre 1.1.0), a SIP phone
#
# Of several WWW-Authenticate headers a client may take any, and skips the ones whose algorithm it
# does not know (RFC 8760 §2.4). baresip does not: when one of the challenges is by SHA-256 it gives
# up, whether that comes before or after the one by MD5, and does not register.
#
# Expected: it answers the challenge by MD5.
#
# Seen:
#   challenges: MD5: authenticates
#   challenges: MD5 SHA-256: gives up
#   challenges: SHA-256 MD5: gives up
#
# Exits 0 while baresip behaves so, 1 when it does otherwise, with another status when the package
# cannot be had. Needs Debian (or apt sources that name Debian's archive) and Python 3; no root.
# Everything is in a temporary folder and on 127.0.0.1.
set -euo pipefail

package='baresip-core=1.1.0-3*'
suite=trixie

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

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

# --- a registrar that challenges, and says what comes of it
cat > "$work/registrar.py" << 'PY'
import os, re, socket, subprocess, sys

work, modules, command = sys.argv[1], sys.argv[2], sys.argv[3:]


def tried(*algorithms: str) -> str:
    registrar = socket.socket(type=socket.SOCK_DGRAM)
    registrar.bind(("127.0.0.1", 0))
    port = registrar.getsockname()[1]
    folder = f"{work}/{'-'.join(algorithms)}"
    os.mkdir(folder)
    with open(f"{folder}/config", "w") as file:
        file.write(f"sip_listen 127.0.0.1:0\nmodule_path {modules}\nmodule_app account.so\n")
    with open(f"{folder}/accounts", "w") as file:
        file.write(f'<sip:101@a.vn>;auth_pass=x;regint=300;outbound="sip:127.0.0.1:{port}"\n')
    open(f"{folder}/contacts", "w").close()
    with open(f"{folder}/log", "wb") as log:
        phone = subprocess.Popen([*command, "-f", folder], stdout=log, stderr=log)
    try:
        registrar.settimeout(20)
        asked, sender = registrar.recvfrom(65_536)
        head = asked.decode().split("\r\n\r\n")[0].split("\r\n")[1:]
        kept = [line for line in head if re.match("(?i)(via|from|to|call-id|cseq):", line)]
        asks = [
            f'WWW-Authenticate: Digest realm="a.vn",nonce="1",algorithm={each},qop="auth"'
            for each in algorithms
        ]
        lines = ["SIP/2.0 401 Unauthorized", *kept, *asks, "Content-Length: 0", "", ""]
        registrar.sendto("\r\n".join(lines).encode(), sender)
        registrar.settimeout(5)
        again = registrar.recv(65_536).decode()
        return "authenticates" if "\r\nAuthorization: Digest" in again else "asks again without"
    except TimeoutError:
        return "gives up"
    finally:
        phone.kill()
        phone.wait()
        registrar.close()


for algorithms in (["MD5"], ["MD5", "SHA-256"], ["SHA-256", "MD5"]):
    print(f"challenges: {' '.join(algorithms)}: {tried(*algorithms)}", flush=True)
PY
modules=$(dirname "$(find "$work/root" -name account.so | head -n 1)")
python3 "$work/registrar.py" "$work" "$modules" "$loader" --library-path "$libraries" \
  "$work/root/usr/bin/baresip" | tee "$work/seen"
diff "$work/seen" - << 'SEEN' || exit 1
challenges: MD5: authenticates
challenges: MD5 SHA-256: gives up
challenges: SHA-256 MD5: gives up
SEEN
echo "as found"
