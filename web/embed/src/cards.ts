// A card for each call: who, what it does, and what can be done.
import type { Phone } from "@tongdai/phone/phone.ts";
import { find, heard, type Call, type State, type Wish } from "@tongdai/phone/state.ts";
import { reasonText, text, type Key, type Language } from "@tongdai/phone/texts.ts";

import { duration, h, icon, type Icon } from "./html.ts";
import { crmUrl, dialled } from "./numbers.ts";

type Panel = "" | "keypad" | "transfer";
const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];

export class Cards {
  readonly element = h("div", { class: "cards", "aria-live": "polite" });
  private readonly panels = new Map<string, Panel>();
  private readonly phone: Phone;
  private readonly language: Language;
  private readonly crm: string;

  constructor(phone: Phone, language: Language, crm: string) {
    this.phone = phone;
    this.language = language;
    this.crm = crm;
  }

  show(state: State): void {
    const root = this.element.getRootNode() as ShadowRoot | Document;
    const focused = root.activeElement as HTMLElement | null;
    const key = focused && this.element.contains(focused) ? focused.dataset.key : undefined;
    const typed = this.element.querySelector("input")?.value ?? "";
    this.element.replaceChildren(...state.calls.map((call) => this.card(state, call)));
    const field = this.element.querySelector("input");
    if (field) field.value = typed;
    if (key) this.element.querySelector<HTMLElement>(`[data-key="${key}"]`)?.focus();
  }

  // The times of calls, each second.
  tick(now: number): void {
    for (const call of this.phone.state.calls) {
      const shown = this.element.querySelector(`[data-time="${call.id}"]`);
      if (shown && call.answeredAt && call.phase === "talking") shown.textContent = duration(now - call.answeredAt);
    }
  }

  private say(key: Key): string {
    return text(this.language, key);
  }

  private card(state: State, call: Call): HTMLElement {
    const isRinging = call.phase === "ringing" && call.direction === "in";
    return h(
      "article",
      { class: `card ${call.phase} ${isRinging ? "rings" : ""} ${call === heard(state) ? "heard" : ""}`, "data-call": call.id },
      h(
        "header",
        {},
        h("div", {}, h("strong", {}, call.name || call.number), call.name && h("span", { class: "quiet" }, call.number)),
        h("span", { class: "time", "data-time": call.id }, call.phase === "talking" ? duration(Date.now() - call.answeredAt) : ""),
      ),
      h("p", { class: `note ${call.brokenAt || call.transfer === "failed" ? "bad" : ""}` }, this.note(state, call)),
      this.crm && call.phase !== "over" && this.crmLink(call),
      h("div", { class: "row" }, ...this.actions(call, isRinging)),
      call.phase === "talking" && this.panel(call),
    );
  }

  private note(state: State, call: Call): string {
    if (call.phase === "over") return reasonText(this.language, call.reason);
    if (call.phase === "dialing") return this.say("dialing");
    if (call.phase === "ringing") {
      const others = state.calls.some((one) => one.phase === "talking");
      return this.say(call.direction === "out" ? "ringing" : others ? "waiting" : "incoming");
    }
    if (call.brokenAt) return this.say("repairing");
    if (call.transfer) return this.say(call.transfer === "asked" ? "transferring" : "transferFailed");
    if (call.isHeld) return this.say("onHold");
    if (call.isHeldByThem) return this.say("heldByThem");
    if (call.isMuted) return this.say("muted");
    const quality = call === heard(state) ? this.phone.quality : null;
    return quality ? this.say(quality.rating) : "";
  }

  private crmLink(call: Call): HTMLElement {
    const values = { number: call.number, name: call.name, extension: this.phone.credentials?.extension ?? "" };
    const href = crmUrl(this.crm, values);
    return h("a", { href, target: "tongdai-crm", rel: "noopener", "data-key": `${call.id}crm` }, icon("open"), this.say("openCrm"));
  }

  private actions(call: Call, isRinging: boolean): readonly HTMLElement[] {
    if (call.phase === "over") return [];
    const end = this.button(call, "hangUp", "end", { wish: "hangUp", call: call.id }, "stop");
    if (isRinging) {
      return [
        this.button(call, "answer", "phone", { wish: "answer", call: call.id }, "go wide"),
        this.button(call, "decline", "end", { wish: "decline", call: call.id }, "stop wide"),
      ];
    }
    if (call.phase !== "talking") return [end];
    const consulted = find(this.phone.state, call.consultsFor)?.phase === "talking";
    return [
      call.isHeld
        ? this.button(call, "resume", "play", { wish: "resume", call: call.id })
        : this.button(call, "hold", "pause", { wish: "hold", call: call.id }),
      call.isMuted
        ? this.button(call, "unmute", "mute", { wish: "unmute", call: call.id }, "on")
        : this.button(call, "mute", "mic", { wish: "mute", call: call.id }),
      this.toggle(call, "keypad"),
      consulted ? this.button(call, "connect", "transfer", { wish: "connect", call: call.id }, "go") : this.toggle(call, "transfer"),
      end,
    ];
  }

  private button(call: Call, label: Key, drawn: Icon, wish: Wish, look = ""): HTMLElement {
    const click = () => this.phone.wish(wish);
    const name = this.say(label);
    return h("button", { type: "button", class: look, title: name, "aria-label": name, "data-key": `${call.id}${label}`, click },
      icon(drawn), look.includes("wide") && name);
  }

  private toggle(call: Call, which: Exclude<Panel, "">): HTMLElement {
    const isOpen = this.panels.get(call.id) === which;
    const click = () => {
      this.panels.set(call.id, isOpen ? "" : which);
      this.show(this.phone.state);
      if (!isOpen) this.element.querySelector<HTMLElement>(`[data-call="${call.id}"] .panel :is(input, button)`)?.focus();
    };
    const name = this.say(which);
    return h(
      "button",
      { type: "button", class: isOpen ? "on" : "", "aria-expanded": isOpen, title: name, "aria-label": name, "data-key": `${call.id}${which}`, click },
      icon(which),
    );
  }

  private panel(call: Call): HTMLElement | null {
    const which = this.panels.get(call.id) ?? "";
    if (which === "keypad") return h("div", { class: "panel keys" }, ...KEYS.map((key) => this.key(call, key)));
    return which === "transfer" ? this.transfer(call) : null;
  }

  private key(call: Call, key: string): HTMLElement {
    const click = () => this.phone.wish({ wish: "key", call: call.id, key });
    return h("button", { type: "button", "data-key": `${call.id}${key}`, click }, key);
  }

  private transfer(call: Call): HTMLElement {
    const field = h("input", { type: "tel", "aria-label": this.say("transferTo"), placeholder: this.say("transferTo"), "data-key": `${call.id}to` });
    const close = () => this.panels.set(call.id, "");
    const now = (event: globalThis.Event) => {
      event.preventDefault();
      const number = dialled(field.value);
      if (!number) return field.focus();
      close();
      this.phone.wish({ wish: "transfer", call: call.id, number });
    };
    const ask = () => {
      const number = dialled(field.value);
      if (!number) return field.focus();
      close();
      this.phone.wish({ wish: "consult", id: crypto.randomUUID(), number, at: Date.now(), call: call.id });
    };
    return h(
      "form",
      { class: "panel", submit: now },
      field,
      h("div", { class: "row" },
        h("button", { type: "submit", class: "text", "data-key": `${call.id}now` }, this.say("transferNow")),
        h("button", { type: "button", class: "text", "data-key": `${call.id}ask`, click: ask }, this.say("askFirst"))),
    );
  }
}
