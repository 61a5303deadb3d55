// receiver.mjs: takes tongdai's events, knows that they are genuine, and handles each one once.
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const keys = readFileSync("secrets.txt", "utf8").trim().split("\n").map((line) => Buffer.from(line.slice(6), "base64"));
const seen = new Set(); // in real life: a table with a unique index on the webhook-id

function isGenuine(headers, body) {
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.`;
  const good = keys.map((key) => Buffer.from("v1," + createHmac("sha256", key).update(signed).update(body).digest("base64")));
  const given = (headers["webhook-signature"] ?? "").split(" ").map((one) => Buffer.from(one));
  const isFresh = Math.abs(Date.now() / 1000 - Number(headers["webhook-timestamp"])) < 300;
  return isFresh && good.some((a) => given.some((b) => a.length === b.length && timingSafeEqual(a, b)));
}

function handle(event) {
  console.log(event.state, event.call_id, event.from_number, "->", event.to_number, event.recording_url);
}

async function receive(request) {
  const body = Buffer.concat(await request.toArray());
  if (!isGenuine(request.headers, body)) return 401;
  if (!seen.has(request.headers["webhook-id"])) handle(JSON.parse(body)); // if this throws, the event comes again
  seen.add(request.headers["webhook-id"]);
  return 204;
}

createServer((request, response) => {
  receive(request).catch(() => 500).then((status) => response.writeHead(status).end());
}).listen(Number(process.argv[2]), "127.0.0.1");
