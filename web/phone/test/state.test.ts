import assert from "node:assert/strict";
import { test } from "node:test";

import { bell, find, heard, live, MOST_CALLS, START, step, type Act, type Event, type State, type Wish } from "../src/state.ts";

// The state after these, and everything that was to be done.
function play(inputs: readonly (Wish | Event)[], from: State = START): { state: State; acts: Act[] } {
  let state = from;
  const acts: Act[] = [];
  for (const input of inputs) {
    const [next, more] = step(state, input);
    state = next;
    acts.push(...more);
  }
  return { state, acts };
}

const READY: Event = { is: "line", line: "ready" };
const incoming = (call: string): Event => ({ is: "incoming", call, number: "0901234567", name: "Lan", at: 1 });
const answered = (call: string): Event => ({ is: "answered", call, at: 5 });
const dial = (id: string): Wish => ({ wish: "dial", id, number: "102", at: 1 });
const talking = (...calls: string[]): State =>
  play([READY, ...calls.flatMap((call): (Wish | Event)[] => [incoming(call), { wish: "answer", call }, answered(call)])]).state;

test("a call out is dialled, rings, is answered and hung up", () => {
  const { state, acts } = play([READY, dial("a"), { is: "progress", call: "a" }, answered("a")]);
  assert.equal(find(state, "a")?.phase, "talking");
  assert.equal(find(state, "a")?.answeredAt, 5);
  const ended = play([{ wish: "hangUp", call: "a" }], state);
  assert.deepEqual([...acts, ...ended.acts].map((one) => one.act), ["dial", "end"]);
  assert.deepEqual(live(ended.state), []);
});

test("nothing is dialled while the phone is not registered, or without a number", () => {
  for (const line of ["off", "connecting", "lost", "refused"] as const) {
    assert.deepEqual(play([{ is: "line", line }, dial("a")]).acts, []);
  }
  assert.deepEqual(play([READY, { wish: "dial", id: "a", number: "", at: 1 }]).state.calls, []);
});

test("a call in rings until it is answered, declined or given up", () => {
  const rings = play([READY, incoming("a")]).state;
  assert.equal(bell(rings), "rings");
  assert.deepEqual(play([{ wish: "answer", call: "a" }], rings).acts, [{ act: "answer", call: "a" }]);
  const declined = play([{ wish: "decline", call: "a" }], rings);
  assert.deepEqual(declined.acts, [{ act: "decline", call: "a" }]);
  const given = play([{ is: "over", call: "a", reason: "cancelled" }], rings).state;
  for (const state of [declined.state, given]) assert.equal(bell(state), "off");
  assert.equal(find(given, "a")?.reason, "cancelled");
});

test("a second call knocks; answering it holds the first", () => {
  const state = play([incoming("b")], talking("a")).state;
  assert.equal(bell(state), "waits");
  const next = play([{ wish: "answer", call: "b" }, answered("b")], state);
  assert.deepEqual(next.acts, [{ act: "hold", call: "a" }, { act: "answer", call: "b" }]);
  assert.equal(heard(next.state)?.id, "b");
  const back = play([{ wish: "resume", call: "a" }], next.state);
  assert.deepEqual(back.acts, [{ act: "hold", call: "b" }, { act: "resume", call: "a" }]);
  assert.equal(heard(back.state)?.id, "a");
});

test("one call more than it has places for is declined at once", () => {
  const ids = Array.from({ length: MOST_CALLS }, (_, at) => `call${at}`);
  const { state, acts } = play([incoming("more"), dial("mine")], talking(...ids));
  assert.deepEqual(acts, [{ act: "decline", call: "more" }]);
  assert.equal(state.calls.length, MOST_CALLS);
});

test("hold, mute and keys are of a call that talks", () => {
  const wishes: Wish[] = [
    { wish: "hold", call: "a" }, { wish: "mute", call: "a" }, { wish: "unmute", call: "a" },
    { wish: "key", call: "a", key: "5" }, { wish: "key", call: "a", key: "x" }, { wish: "hold", call: "a" },
  ];
  assert.deepEqual(play(wishes, talking("a")).acts.map((one) => one.act), ["hold", "mute", "unmute", "key"]);
  assert.deepEqual(play([READY, incoming("a"), ...wishes]).acts, []);
});

test("a blind transfer ends the call when it has succeeded, and leaves it when it has not", () => {
  const asked = play([{ wish: "transfer", call: "a", number: "102" }], talking("a"));
  assert.deepEqual(asked.acts, [{ act: "transfer", call: "a", number: "102" }]);
  const done = play([{ is: "transferred", call: "a", done: true }], asked.state);
  assert.deepEqual(done.acts, [{ act: "end", call: "a" }]);
  assert.equal(find(done.state, "a")?.reason, "transferred");
  const failed = play([{ is: "transferred", call: "a", done: false }], asked.state);
  assert.deepEqual([failed.acts, find(failed.state, "a")?.transfer], [[], "failed"]);
});

test("an attended transfer asks first, with the caller on hold, and then connects both", () => {
  const asks = play([{ wish: "consult", id: "b", number: "102", at: 1, call: "a" }, answered("b")], talking("a"));
  assert.deepEqual(asks.acts, [{ act: "hold", call: "a" }, { act: "dial", call: "b", number: "102" }]);
  const connected = play([{ wish: "connect", call: "b" }], asks.state);
  assert.deepEqual(connected.acts, [{ act: "connect", call: "a", to: "b" }]);
  const gone = play([{ is: "over", call: "a", reason: "" }, { wish: "connect", call: "b" }], asks.state);
  assert.deepEqual(gone.acts, [], "the caller gave up");
});

test("after a new connection the calls that talk are repaired, and no others", () => {
  const state = play([incoming("b")], talking("a")).state;
  const lost = play([{ is: "line", line: "lost", problem: "no-connection" }, { is: "line", line: "connecting" }], state);
  assert.deepEqual([lost.state.line, lost.state.problem], ["lost", "no-connection"], "until it is back");
  assert.equal(find(lost.state, "a")?.phase, "talking");
  const back = play([READY], lost.state);
  assert.deepEqual(back.acts, [{ act: "repair", call: "a" }]);
  assert.deepEqual([back.state.line, back.state.problem], ["ready", ""]);
  assert.deepEqual(play([READY], back.state).acts, [], "registered again, as every few minutes");
  const refused: Event = { is: "line", line: "refused", problem: "cannot-register" };
  assert.deepEqual(play([refused, READY], lost.state).acts, [{ act: "repair", call: "a" }], "by new credentials");
});

test("a call without a path of audio is repaired once, and ended when that does not help", () => {
  const broken = play([{ is: "broken", call: "a", at: 7 }, { is: "broken", call: "a", at: 8 }], talking("a"));
  assert.deepEqual(broken.acts, [{ act: "repair", call: "a" }]);
  const ended = play([{ is: "givenUp", call: "a", brokenAt: 7 }], broken.state);
  assert.deepEqual([ended.acts, find(ended.state, "a")?.reason], [[{ act: "end", call: "a" }], "network"]);
  const mended = play([{ is: "broken", call: "a", at: 0 }, { is: "givenUp", call: "a", brokenAt: 7 }], broken.state);
  assert.deepEqual([mended.acts, find(mended.state, "a")?.phase], [[], "talking"]);
  const again = play([{ is: "broken", call: "a", at: 0 }, { is: "broken", call: "a", at: 9 }, { is: "givenUp", call: "a", brokenAt: 7 }], broken.state);
  assert.equal(find(again.state, "a")?.phase, "talking", "its time has begun anew");
});

test("a call that is over stays to be seen until it is dismissed, and nothing moves it", () => {
  const over = play([{ is: "over", call: "a", reason: "busy" }, answered("a"), { wish: "hangUp", call: "a" }], talking("a"));
  assert.deepEqual([over.acts, find(over.state, "a")?.phase], [[], "over"]);
  assert.deepEqual(play([{ wish: "dismiss", call: "a" }], over.state).state.calls, []);
});
