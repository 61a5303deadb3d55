// The phone's state, and what follows from each thing that happens. Pure: no clock, no SIP, no page.

export type Line = "off" | "connecting" | "ready" | "lost" | "refused";

export type Problem =
  | ""
  | "microphone-refused"
  | "microphone-missing"
  | "cannot-register"
  | "no-connection"
  | "signed-out"
  | "not-permitted"
  | "failed";

// Why a call is over, or was not answered.
export type Reason =
  | ""
  | "busy"
  | "no-answer"
  | "declined"
  | "unknown-number"
  | "barred"
  | "not-available"
  | "cancelled"
  | "elsewhere"
  | "transferred"
  | "network"
  | "media"
  | "failed";

export interface Call {
  readonly id: string;
  readonly direction: "in" | "out";
  readonly number: string;
  readonly name: string;
  // dialing: we call, and nothing is heard of it yet; ringing: here (in), or there (out)
  readonly phase: "dialing" | "ringing" | "talking" | "over";
  readonly begunAt: number; // milliseconds, as Date.now()
  readonly answeredAt: number; // 0: not yet
  readonly isHeld: boolean; // by us
  readonly isHeldByThem: boolean;
  readonly isMuted: boolean;
  readonly brokenAt: number; // since then its audio has no path; 0: it has one
  readonly transfer: "" | "asked" | "failed";
  readonly consultsFor: string; // the call that this one is to be transferred to; "": none
  readonly reason: Reason;
}

export interface State {
  readonly line: Line;
  readonly problem: Problem;
  readonly detail: string; // what the server said of the problem
  readonly calls: readonly Call[];
}

export const START: State = { line: "off", problem: "", detail: "", calls: [] };
export const MOST_CALLS = 3;

// What the user wants.
export type Wish =
  | { readonly wish: "dial"; readonly id: string; readonly number: string; readonly at: number }
  | { readonly wish: "consult"; readonly id: string; readonly number: string; readonly at: number; readonly call: string }
  | { readonly wish: "answer" | "decline" | "hangUp" | "hold" | "resume" | "mute" | "unmute" | "connect" | "dismiss"; readonly call: string }
  | { readonly wish: "key"; readonly call: string; readonly key: string }
  | { readonly wish: "transfer"; readonly call: string; readonly number: string };

// What happened.
export type Event =
  | { readonly is: "line"; readonly line: Line; readonly problem?: Problem; readonly detail?: string }
  | { readonly is: "incoming"; readonly call: string; readonly number: string; readonly name: string; readonly at: number }
  | { readonly is: "progress"; readonly call: string }
  | { readonly is: "answered"; readonly call: string; readonly at: number }
  | { readonly is: "held" | "heldByThem"; readonly call: string; readonly on: boolean }
  | { readonly is: "broken"; readonly call: string; readonly at: number } // 0: it is mended
  | { readonly is: "transferred"; readonly call: string; readonly done: boolean }
  | { readonly is: "over"; readonly call: string; readonly reason: Reason }
  | { readonly is: "givenUp"; readonly call: string; readonly brokenAt: number };

// What is to be done.
export type Act =
  | { readonly act: "dial"; readonly call: string; readonly number: string }
  | { readonly act: "answer" | "decline" | "end" | "hold" | "resume" | "mute" | "unmute" | "repair"; readonly call: string }
  | { readonly act: "key"; readonly call: string; readonly key: string }
  | { readonly act: "transfer"; readonly call: string; readonly number: string }
  | { readonly act: "connect"; readonly call: string; readonly to: string };

export type Step = readonly [state: State, acts: readonly Act[]];

export const live = (state: State): readonly Call[] => state.calls.filter((one) => one.phase !== "over");
export const find = (state: State, id: string): Call | undefined => state.calls.find((one) => one.id === id);

// The call that is heard: it talks, and is not on hold.
export const heard = (state: State): Call | undefined => state.calls.find((one) => one.phase === "talking" && !one.isHeld);

// What is to be heard of calls that come in: a second one only knocks.
export function bell(state: State): "off" | "rings" | "waits" {
  if (!state.calls.some((one) => one.phase === "ringing" && one.direction === "in")) return "off";
  return state.calls.some((one) => one.phase === "talking") ? "waits" : "rings";
}

export function step(state: State, input: Wish | Event): Step {
  return "wish" in input ? wished(state, input) : happened(state, input);
}

function wished(state: State, wish: Wish): Step {
  if (wish.wish === "dial") return dial(state, wish.id, wish.number, wish.at, "");
  const call = find(state, wish.call);
  if (!call) return [state, []];
  switch (wish.wish) {
    case "consult":
      return call.phase === "talking" ? dial(state, wish.id, wish.number, wish.at, call.id) : [state, []];
    case "answer":
      return isRingingHere(call) ? onlyOne(state, call.id, [{ act: "answer", call: call.id }]) : [state, []];
    case "decline":
      return isRingingHere(call) ? [over(state, call, "declined"), [{ act: "decline", call: call.id }]] : [state, []];
    case "hangUp":
      return call.phase === "over" ? [state, []] : [over(state, call, ""), [{ act: "end", call: call.id }]];
    case "dismiss":
      return call.phase === "over" ? [{ ...state, calls: state.calls.filter((one) => one !== call) }, []] : [state, []];
    default:
      return call.phase === "talking" ? ofTalk(state, call, wish) : [state, []];
  }
}

type OfTalk = Exclude<Wish, { readonly wish: "dial" | "consult" }>;

function ofTalk(state: State, call: Call, wish: OfTalk): Step {
  const id = call.id;
  switch (wish.wish) {
    case "hold":
      return call.isHeld ? [state, []] : [change(state, id, { isHeld: true }), [{ act: "hold", call: id }]];
    case "resume":
      return call.isHeld
        ? onlyOne(change(state, id, { isHeld: false }), id, [{ act: "resume", call: id }])
        : [state, []];
    case "mute":
    case "unmute":
      return [change(state, id, { isMuted: wish.wish === "mute" }), [{ act: wish.wish, call: id }]];
    case "key":
      return /^[0-9*#A-D]$/.test(wish.key) ? [state, [{ act: "key", call: id, key: wish.key }]] : [state, []];
    case "transfer":
      return [change(state, id, { transfer: "asked" }), [{ act: "transfer", call: id, number: wish.number }]];
    case "connect": {
      const first = find(state, call.consultsFor);
      if (first?.phase !== "talking") return [state, []];
      return [change(state, first.id, { transfer: "asked" }), [{ act: "connect", call: first.id, to: id }]];
    }
    default:
      return [state, []];
  }
}

function dial(state: State, id: string, number: string, at: number, consultsFor: string): Step {
  if (state.line !== "ready" || !number || live(state).length >= MOST_CALLS) return [state, []];
  const call = fresh(id, "out", number, "", at, consultsFor);
  return onlyOne({ ...state, calls: [...state.calls, call] }, id, [{ act: "dial", call: id, number }]);
}

function happened(state: State, event: Event): Step {
  if (event.is === "line") return lineIs(state, event);
  if (event.is === "incoming") return comes(state, event);
  const call = find(state, event.call);
  if (!call || call.phase === "over") return [state, []];
  const id = call.id;
  switch (event.is) {
    case "progress":
      return [call.phase === "dialing" ? change(state, id, { phase: "ringing" }) : state, []];
    case "answered":
      return [change(state, id, { phase: "talking", answeredAt: event.at }), []];
    case "held":
      return [change(state, id, { isHeld: event.on }), []];
    case "heldByThem":
      return [change(state, id, { isHeldByThem: event.on }), []];
    case "broken":
      return broken(state, call, event.at);
    case "transferred":
      return event.done
        ? [over(state, call, "transferred"), [{ act: "end", call: id }]]
        : [change(state, id, { transfer: "failed" }), []];
    case "over":
      return [over(state, call, event.reason), []];
    case "givenUp":
      return call.brokenAt === event.brokenAt ? [over(state, call, "network"), [{ act: "end", call: id }]] : [state, []];
  }
}

// After each new connection the switch is told where we are now, for calls that went on meanwhile.
function lineIs(state: State, event: Extract<Event, { is: "line" }>): Step {
  if (state.line === "lost" && event.line === "connecting") return [state, []]; // it is still lost
  const next = { ...state, line: event.line, problem: event.problem ?? "", detail: event.detail ?? "" };
  const isBack = state.line !== "ready" && event.line === "ready";
  const talking = isBack ? state.calls.filter((one) => one.phase === "talking") : [];
  return [next, talking.map((one) => ({ act: "repair", call: one.id }))];
}

function comes(state: State, event: Extract<Event, { is: "incoming" }>): Step {
  if (live(state).length >= MOST_CALLS) return [state, [{ act: "decline", call: event.call }]];
  const call: Call = { ...fresh(event.call, "in", event.number, event.name, event.at, ""), phase: "ringing" };
  return [{ ...state, calls: [...state.calls, call] }, []];
}

function broken(state: State, call: Call, at: number): Step {
  if (call.phase !== "talking" || (call.brokenAt > 0) === at > 0) return [state, []];
  const next = change(state, call.id, { brokenAt: at });
  return [next, at > 0 && state.line === "ready" ? [{ act: "repair", call: call.id }] : []];
}

function fresh(id: string, direction: "in" | "out", number: string, name: string, at: number, consultsFor: string): Call {
  return {
    id, direction, number, name, phase: "dialing", begunAt: at, answeredAt: 0, isHeld: false, isHeldByThem: false,
    isMuted: false, brokenAt: 0, transfer: "", consultsFor, reason: "",
  };
}

// The others that talk go on hold, before this one is heard.
function onlyOne(state: State, id: string, acts: readonly Act[]): Step {
  const others = state.calls.filter((one) => one.id !== id && one.phase === "talking" && !one.isHeld);
  const held = others.reduce((next, one) => change(next, one.id, { isHeld: true }), state);
  return [held, [...others.map((one): Act => ({ act: "hold", call: one.id })), ...acts]];
}

const isRingingHere = (call: Call): boolean => call.phase === "ringing" && call.direction === "in";

const over = (state: State, call: Call, reason: Reason): State => change(state, call.id, { phase: "over", reason });

function change(state: State, id: string, fields: Partial<Call>): State {
  return { ...state, calls: state.calls.map((one) => (one.id === id ? { ...one, ...fields } : one)) };
}
