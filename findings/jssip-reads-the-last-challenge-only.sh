#!/usr/bin/env bash
# JsSIP 3.13.8 (npm)
#
# Of several WWW-Authenticate headers JsSIP keeps the last one, and it knows the algorithm MD5 alone. A server that offers
# MD5 and then SHA-256, as RFC 8760 §2.4 permits, cannot be registered with: "Authentication Error" after the first 401.
#
# Seen:
#   one challenge: MD5
#   two challenges: SHA-256
#
# Exits 0 while JsSIP behaves so, 1 when it does otherwise, with another status when the package cannot be had. Needs
# Node.js and npm. Everything is in a temporary folder.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts jssip@3.13.8 || exit 2
cat >challenge.cjs <<'JS'
const Parser = require("./node_modules/jssip/lib/Parser.js");
const head = "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bK1\r\nFrom: <sip:101@a.vn>;tag=1\r\n" +
  "To: <sip:101@a.vn>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\n";
const challenge = (algorithm) => `WWW-Authenticate: Digest realm="a.vn",nonce="1",algorithm=${algorithm},qop="auth"\r\n`;
const kept = (...algorithms) => {
  const text = head + algorithms.map(challenge).join("") + "Content-Length: 0\r\n\r\n";
  const parsed = (Parser.parseMessage || Parser.default.parseMessage)(text, { configuration: {} });
  return parsed.parseHeader("www-authenticate").algorithm;
};
console.log(`one challenge: ${kept("MD5")}`);
console.log(`two challenges: ${kept("MD5", "SHA-256")}`);
JS
node challenge.cjs | tee seen
diff seen - <<'SEEN'
one challenge: MD5
two challenges: SHA-256
SEEN
echo "as found"
