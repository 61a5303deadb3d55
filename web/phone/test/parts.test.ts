import assert from "node:assert/strict";
import { test } from "node:test";

import { Access, problemOf, Refused } from "../src/access.ts";
import { between, reading } from "../src/quality.ts";
import { ofHeader, ofStatus } from "../src/reasons.ts";
import { problemText, reasonText, text } from "../src/texts.ts";

test("a refusal says why in a word", () => {
  assert.equal(ofStatus(486), "busy");
  assert.equal(ofStatus(404), "unknown-number");
  assert.equal(ofStatus(500), "failed");
  assert.equal(ofHeader('Q.850;cause=26;text="answered elsewhere"'), "elsewhere");
  assert.equal(ofHeader("SIP;cause=200"), "elsewhere");
  assert.equal(ofHeader(undefined), "");
});

const stats = (received: number, lost: number, jitter: number, roundTrip: number) =>
  reading(
    [
      ["a", { type: "inbound-rtp", kind: "audio", packetsReceived: received, packetsLost: lost, jitter }],
      ["b", { type: "candidate-pair", nominated: true, currentRoundTripTime: roundTrip }],
      ["c", { type: "candidate-pair", nominated: false, currentRoundTripTime: 9 }],
    ],
    0,
  );

test("quality is of the time between two readings", () => {
  const first = stats(1000, 100, 0.5, 0.05);
  assert.deepEqual(between(first, stats(1100, 100, 0.004, 0.05)), { loss: 0, jitterMs: 4, roundTripMs: 50, rating: "good" });
  assert.equal(between(first, stats(1098, 102, 0.004, 0.05)).rating, "fair");
  assert.equal(between(first, stats(1090, 110, 0.004, 0.05)).rating, "poor");
  assert.equal(between(first, stats(1100, 100, 0.004, 0.6)).rating, "poor");
  assert.equal(between(first, first).rating, "silent");
});

test("every problem of the API says what to do, in both languages", () => {
  const problems = [401, 403, 404, 409, 422, 500, 503].map(problemOf);
  assert.deepEqual([...new Set(problems)], ["signed-out", "not-permitted", "no-connection"]);
  for (const language of ["en", "vi"] as const) {
    for (const one of problems) assert.ok(problemText(language, one, "").length > 20);
    assert.match(problemText(language, "not-permitted", "--webrtc"), /--webrtc/);
    assert.equal(problemText(language, "", ""), "");
  }
  assert.notEqual(text("vi", "answer"), text("en", "answer"));
  assert.notEqual(reasonText("vi", "busy"), reasonText("en", "busy"));
});

test("an expired token is asked for once more, and the session needs none", async (context) => {
  const asked: { path: string; authorization: string | null; proof: string | null; credentials: string }[] = [];
  const statuses = [401, 200, 403];
  context.mock.method(globalThis, "fetch", async (path: string, request: RequestInit) => {
    const headers = new Headers(request.headers);
    asked.push({
      path, authorization: headers.get("Authorization"), proof: headers.get("X-Requested-With"), credentials: String(request.credentials),
    });
    return new Response(JSON.stringify({ data: [], message: "why" }), { status: statuses.shift() ?? 200 });
  });
  let tokens = 0;
  const access = new Access("https://pbx.example.vn", () => `token${(tokens += 1)}`, "101", "vi");
  assert.deepEqual(await access.calls(), []);
  assert.deepEqual(asked.map((one) => one.authorization), ["Bearer token1", "Bearer token2"]);
  assert.equal(asked[0]?.path, "https://pbx.example.vn/v1/phone/calls?extension=101");
  assert.equal(asked[0]?.credentials, "omit");
  await assert.rejects(access.credentials(), (reason: Refused) => reason.problem === "not-permitted" && reason.message === "why");
  await new Access("", null, undefined, "en").calls();
  assert.deepEqual(asked.at(-1), { path: "/v1/phone/calls", authorization: null, proof: "tongdai", credentials: "same-origin" });
});
