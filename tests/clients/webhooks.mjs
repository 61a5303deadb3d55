// A receiver that verifies deliveries by the libraries of Standard Webhooks and of Svix.
// Lines in: the secrets. Lines out: the port, then what each library said of each delivery.
import { createServer } from "node:http";
import { createInterface } from "node:readline";

import { Webhook as Standard } from "standardwebhooks";
import { Webhook as Svix } from "svix";

const WRONG = `whsec_${Buffer.from("of another subscription altogether").toString("base64")}`;
const secrets = [];
const say = (line) => console.log(JSON.stringify(line));

function accepts(Library, secret, body, headers) {
  try {
    new Library(secret).verify(body, headers);
    return true;
  } catch {
    return false;
  }
}

function judged(Library, body, headers) {
  const isOld = { ...headers, "webhook-timestamp": String(Number(headers["webhook-timestamp"]) - 400) };
  return {
    by: secrets.map((secret) => accepts(Library, secret, body, headers)),
    // none of these may be accepted
    changed: accepts(Library, secrets.at(-1), body.replace("0900000001", "0900000009"), headers),
    foreign: accepts(Library, WRONG, body, headers),
    old: accepts(Library, secrets.at(-1), body, isOld),
  };
}

const server = createServer(async (request, response) => {
  const body = Buffer.concat(await request.toArray()).toString();
  const { headers } = request;
  say({
    state: JSON.parse(body).state,
    id: headers["webhook-id"],
    signatures: headers["webhook-signature"].split(" ").length,
    standardwebhooks: judged(Standard, body, headers),
    svix: judged(Svix, body, headers),
  });
  response.writeHead(204).end();
});

createInterface({ input: process.stdin }).on("line", (line) => secrets.push(line)).on("close", () => process.exit());
server.listen(0, "127.0.0.1", () => say(server.address().port));
