// tongdai.js: the phone of a CRM's page.
//
//   <script src="https://pbx.example.vn/tongdai.js"></script>
//   tongdai.start({ token: () => fetch("/phone-token").then((answer) => answer.text()) });
//   tongdai.on("ringing", (call) => ...);
import { Access, type Token } from "@tongdai/phone/access.ts";
import { Phone, type OpenSip } from "@tongdai/phone/phone.ts";
import { find, type Call, type State } from "@tongdai/phone/state.ts";
import { text, type Language } from "@tongdai/phone/texts.ts";

import { watchClicks } from "./clicks.ts";
import { crmUrl, dialled } from "./numbers.ts";
import { signInForm } from "./sign-in.ts";
import { Widget } from "./widget.ts";

export interface Options {
  token?: Token; // of the page's phone, from the CRM's back end; without one, the session of who signed in here
  extension?: string; // without one: the token's, or the user's own
  language?: Language;
  crmUrl?: string; // with {number}, {name}, {extension}
  clickToCall?: boolean | HTMLElement; // numbers of the page, or of a part of it
  widget?: boolean; // false: the page has a look of its own
}

export interface Events {
  ready: { extension: string; name: string };
  ringing: Call;
  dialing: Call;
  answered: Call;
  ended: Call;
  problem: { problem: string; detail: string };
  state: State;
}
export type Name = keyof Events;

// Where this script came from, and the page's nonce: known only while it runs for the first time.
const SCRIPT = document.currentScript as HTMLScriptElement | null;
const BASE = SCRIPT ? new URL(SCRIPT.src).origin : location.origin;
const NONCE = SCRIPT?.nonce ?? "";
const IS_PAGE = SCRIPT?.dataset.page !== undefined;

export class Tongdai {
  readonly version = __VERSION__;
  private readonly listeners = new Map<Name, Set<(what: never) => void>>();
  private phone: Phone | null = null;
  private options: Options = {};

  // The page has the phone from now on. Once.
  start(options: Options = {}): void {
    if (this.phone) throw new Error("tongdai: start() was called before");
    this.options = options;
    const language = options.language ?? (navigator.language.startsWith("vi") ? "vi" : "en");
    const access = new Access(BASE, options.token ?? null, options.extension, language);
    const isWanted = IS_PAGE || options.widget !== false;
    let widget: Widget | null = null;
    const phone = new Phone(access, `tongdai-phone ${BASE}`, loadSip, (state, before) => {
      widget?.show(state);
      if (state !== before) this.tell(state, before, language);
    });
    this.phone = phone;
    if (isWanted) {
      const signIn = options.token ? null : () => signInForm(BASE, language, () => void phone.connect());
      widget = new Widget(phone, { language, isPage: IS_PAGE, crmUrl: options.crmUrl ?? "", signIn });
      widget.show(phone.state);
    }
    const where = options.clickToCall === true ? document.body : options.clickToCall;
    if (where) watchClicks(where, (number) => this.call(number));
  }

  call(number: string): string {
    const id = crypto.randomUUID();
    this.phone?.wish({ wish: "dial", id, number: dialled(number), at: Date.now() });
    return id;
  }

  answer(call: string): void {
    this.phone?.wish({ wish: "answer", call });
  }

  hangUp(call: string): void {
    const known = this.phone && find(this.phone.state, call);
    const isRinging = known?.phase === "ringing" && known.direction === "in";
    this.phone?.wish({ wish: isRinging ? "decline" : "hangUp", call });
  }

  hold(call: string, on = true): void {
    this.phone?.wish({ wish: on ? "hold" : "resume", call });
  }

  mute(call: string, on = true): void {
    this.phone?.wish({ wish: on ? "mute" : "unmute", call });
  }

  press(call: string, key: string): void {
    this.phone?.wish({ wish: "key", call, key });
  }

  transfer(call: string, number: string): void {
    this.phone?.wish({ wish: "transfer", call, number: dialled(number) });
  }

  consult(call: string, number: string): string {
    const id = crypto.randomUUID();
    this.phone?.wish({ wish: "consult", id, number: dialled(number), at: Date.now(), call });
    return id;
  }

  connect(consultation: string): void {
    this.phone?.wish({ wish: "connect", call: consultation });
  }

  get state(): State | null {
    return this.phone?.state ?? null;
  }

  // Whether this tab has the phone: of several one has it, and all are told.
  get isHere(): boolean {
    return this.phone?.isHere ?? false;
  }

  // Until the function that it returns is called.
  on<N extends Name>(name: N, listener: (what: Events[N]) => void): () => void {
    const known = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, known.add(listener as (what: never) => void));
    return () => known.delete(listener as (what: never) => void);
  }

  private tell(state: State, before: State, language: Language): void {
    for (const call of state.calls) this.tellCall(call, find(before, call.id), language);
    if (state.line === "ready" && before.line !== "ready") {
      const known = this.phone?.credentials;
      this.emit("ready", { extension: known?.extension ?? "", name: known?.name ?? "" });
    }
    if (state.problem && (state.problem !== before.problem || state.detail !== before.detail)) {
      this.emit("problem", { problem: state.problem, detail: state.detail });
    }
    this.emit("state", state);
  }

  private tellCall(call: Call, before: Call | undefined, language: Language): void {
    if (!before) this.emit(call.direction === "in" ? "ringing" : "dialing", call);
    if (!before && call.direction === "in") this.notify(call, language);
    if (call.phase === "talking" && before?.phase !== "talking") this.emit("answered", call);
    if (call.phase === "over" && before?.phase !== "over") this.emit("ended", call);
  }

  // While the tab is behind others.
  private notify(call: Call, language: Language): void {
    if (!document.hidden || !this.isHere || !("Notification" in window) || Notification.permission !== "granted") return;
    const shown = new Notification(text(language, "incoming"), { body: `${call.name} ${call.number}`.trim(), tag: "tongdai", requireInteraction: true });
    shown.onclick = () => {
      window.focus();
      if (this.options.crmUrl) window.open(crmUrl(this.options.crmUrl, { number: call.number, name: call.name }), "tongdai-crm", "noopener");
      shown.close();
    };
    const stop = this.on("state", (state) => {
      if (find(state, call.id)?.phase === "ringing") return;
      shown.close();
      stop();
    });
  }

  private emit<N extends Name>(name: N, what: Events[N]): void {
    for (const listener of this.listeners.get(name) ?? []) (listener as (what: Events[N]) => void)(what);
  }
}

// As a script, not as a module: pages may take it from another origin without CORS, and with their nonce.
function loadSip(): Promise<OpenSip> {
  return new Promise((done, failed) => {
    if (window.tongdaiSip) return done(window.tongdaiSip);
    const script = document.createElement("script");
    script.src = `${BASE}/tongdai-sip.js`;
    script.nonce = NONCE;
    script.onload = () => (window.tongdaiSip ? done(window.tongdaiSip) : failed(new Error("tongdai-sip.js is another version")));
    script.onerror = () => failed(new Error("tongdai-sip.js could not be loaded"));
    document.head.append(script);
  });
}

window.tongdai = new Tongdai();
if (IS_PAGE) {
  const wanted = new URLSearchParams(location.search).get("extension");
  window.tongdai.start(wanted ? { extension: wanted } : {});
}
