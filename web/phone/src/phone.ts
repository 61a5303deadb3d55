// The phone of a page: what it wants and what happens goes through `step`, and what is to be done to the SIP part. One tab
// has it; the others show its state.
import { Access, Refused, type Credentials } from "./access.ts";
import { Bell, microphone, type Chosen } from "./audio.ts";
import { between, reading, type Quality, type Reading } from "./quality.ts";
import type { SipLine } from "./sip.ts";
import { bell, find, heard, live, START, step, type Act, type Event, type State, type Wish } from "./state.ts";
import { Tabs } from "./tabs.ts";

export type OpenSip = (credentials: Credentials, chosen: Chosen, tell: (event: Event) => void) => SipLine;

const SHOWN_MS = 4000; // how long a call that is over is shown
const GIVE_UP_MS = 30_000; // without a path of audio
const RETRY_MS = 5000;
const MEASURE_MS = 2000;

export class Phone {
  state: State = START;
  quality: Quality | null = null;
  credentials: Credentials | null = null;
  chosen: Chosen = { microphone: "", speaker: "" };
  private line: SipLine | null = null;
  private readonly access: Access;
  private readonly loadSip: () => Promise<OpenSip>;
  private readonly changed: (state: State, before: State) => void;
  private readonly bell = new Bell();
  private readonly tabs: Tabs<State, Wish>;
  private before: { readonly call: string; readonly reading: Reading } | null = null;
  private renewing = 0;
  private retrying = 0;
  private refusals = 0;

  // `changed` is called with each new state; `name` is the same in all tabs with this phone.
  constructor(access: Access, name: string, loadSip: () => Promise<OpenSip>, changed: (state: State, before: State) => void) {
    this.access = access;
    this.loadSip = loadSip;
    this.changed = changed;
    const messages = {
      state: (state: State) => this.is(state),
      wish: (wish: Wish) => this.put(wish),
      asked: () => this.state,
    };
    this.tabs = new Tabs(name, messages, () => void this.connect());
    window.addEventListener("online", () => this.line?.reconnect());
    window.addEventListener("pagehide", () => this.line?.stop());
    window.addEventListener("beforeunload", (event) => {
      if (this.isHere && live(this.state).length) event.preventDefault();
    });
    setInterval(() => void this.measure(), MEASURE_MS);
  }

  // Whether this tab has the phone.
  get isHere(): boolean {
    return this.tabs.isLeading;
  }

  wish(wish: Wish): void {
    if (this.isHere) this.put(wish);
    else this.tabs.ask(wish);
  }

  // Tries again after a problem that the user has mended.
  async connect(): Promise<void> {
    clearTimeout(this.retrying);
    if (!this.isHere) return;
    this.put({ is: "line", line: "connecting" });
    try {
      (await microphone(this.chosen.microphone)).getTracks().forEach((track) => track.stop());
      const credentials = await this.credentialsNow();
      if (this.line) this.line.renew(credentials);
      else this.line = (await this.loadSip())(credentials, this.chosen, (event) => this.put(event));
      this.line.start();
    } catch (reason) {
      this.failed(reason);
    }
  }

  async choose(chosen: Chosen): Promise<void> {
    this.chosen = chosen;
    await this.line?.choose(chosen);
  }

  history(): ReturnType<Access["calls"]> {
    return this.access.calls();
  }

  // What the microphone gives to the call that is heard.
  get stream(): MediaStream | null {
    const call = heard(this.state);
    return (call && this.line?.stream(call.id)) ?? null;
  }

  // As if the network had changed.
  reconnect(): void {
    this.line?.reconnect();
  }

  private put(input: Wish | Event): void {
    const [state, acts] = step(this.state, input);
    this.is(state);
    if (this.isHere) this.tabs.tell(state);
    for (const act of acts) void this.do(act);
    if ("is" in input) this.follow(input);
  }

  private async do(act: Act): Promise<void> {
    try {
      await this.line?.act(act);
    } catch {
      if ("call" in act && act.act !== "repair") this.put({ is: "over", call: act.call, reason: "failed" });
    }
  }

  private is(state: State): void {
    const before = this.state;
    this.state = state;
    if (this.isHere && bell(state) !== bell(before)) this.bell.ring(bell(state));
    for (const call of state.calls) {
      if (call.phase === "over" && find(before, call.id)?.phase !== "over") {
        setTimeout(() => this.put({ wish: "dismiss", call: call.id }), SHOWN_MS);
      }
    }
    this.changed(state, before);
  }

  private follow(event: Event): void {
    if (event.is === "broken" && event.at) {
      setTimeout(() => this.put({ is: "givenUp", call: event.call, brokenAt: event.at }), GIVE_UP_MS);
    }
    if (event.is !== "line") return;
    if (event.line === "ready") this.refusals = 0;
    // its credentials have ended: once more with new ones, and then now and then
    if (event.problem === "cannot-register") this.again(this.refusals++ ? RETRY_MS * 6 : 0);
  }

  private failed(reason: unknown): void {
    const problem = reason instanceof Refused ? reason.problem : "failed";
    const detail = reason instanceof Error ? reason.message : String(reason);
    this.put({ is: "line", line: this.line ? "lost" : "refused", problem, detail });
    if (problem === "no-connection") this.again(RETRY_MS);
  }

  private again(after: number): void {
    clearTimeout(this.retrying);
    this.retrying = setTimeout(() => void this.connect(), after) as unknown as number;
  }

  private async credentialsNow(): Promise<Credentials> {
    this.credentials = await this.access.credentials();
    clearTimeout(this.renewing);
    this.renewing = setTimeout(() => void this.renew(), this.credentials.expires_in * 800) as unknown as number;
    return this.credentials;
  }

  // Before their end.
  private async renew(): Promise<void> {
    try {
      this.line?.renew(await this.credentialsNow());
    } catch (reason) {
      this.failed(reason);
    }
  }

  private async measure(): Promise<void> {
    const call = this.isHere ? heard(this.state) : undefined;
    const report = call ? await this.line?.stats(call.id) : null;
    if (!call || !report) {
      this.before = this.quality = null;
      return;
    }
    const now = reading(report as unknown as Iterable<[string, Record<string, unknown>]>, Date.now());
    this.quality = this.before?.call === call.id ? between(this.before.reading, now) : null;
    this.before = { call: call.id, reading: now };
    this.changed(this.state, this.state);
  }
}
