// The phone as one sees it: the page /phone, or a widget in a corner of another page. It lives in a shadow root, so that
// neither page changes the other; its style is a constructed sheet, which a content security policy permits.
import { devices, Meter } from "@tongdai/phone/audio.ts";
import type { Phone } from "@tongdai/phone/phone.ts";
import type { State } from "@tongdai/phone/state.ts";
import { problemText, text, type Key, type Language } from "@tongdai/phone/texts.ts";

import tokens from "../../portal/src/styles/tokens.css?inline";
import { Cards } from "./cards.ts";
import { h, icon, type Icon } from "./html.ts";
import { dialled } from "./numbers.ts";
import style from "./widget.css?inline";

export interface Look {
  readonly language: Language;
  readonly isPage: boolean;
  readonly crmUrl: string;
  readonly signIn: (() => HTMLElement) | null; // what is shown to somebody who is signed out
}

type Drawer = "" | "history" | "settings";

export class Widget {
  private readonly host = h("div", { id: "tongdai-phone" });
  private readonly root = this.host.attachShadow({ mode: "open" });
  private readonly status = h("span", { class: "status" });
  private readonly who = h("strong", {});
  private readonly message = h("div", { class: "message", role: "alert" });
  private readonly field: HTMLInputElement;
  private readonly call: HTMLButtonElement;
  private readonly drawer = h("div", { class: "drawer" });
  private readonly level = h("i", {});
  private readonly meterBar = h("div", { class: "meter", "aria-hidden": "true" }, this.level);
  private readonly launcher: HTMLButtonElement;
  private readonly card = h("section", { class: "phone" });
  private readonly cards: Cards;
  private readonly phone: Phone;
  private readonly look: Look;
  private meter: { of: MediaStream; meter: Meter } | null = null;
  private open: Drawer = "";
  private isShown = false;
  private shownProblem = "";

  constructor(phone: Phone, look: Look) {
    this.phone = phone;
    this.look = look;
    this.cards = new Cards(phone, look.language, look.crmUrl);
    this.field = h("input", { type: "tel", autocomplete: "off", "aria-label": this.say("dialHere"), placeholder: this.say("dialHere") });
    this.call = h("button", { type: "submit", class: "go", title: this.say("call"), "aria-label": this.say("call") }, icon("phone"));
    this.launcher = h("button", { type: "button", class: "launcher", "aria-label": this.say("phone"), click: () => this.toggle() }, icon("phone"));
    this.build();
    setInterval(() => this.tick(), 200);
  }

  // The problem "not permitted" has the server's own words; the rest are ours.
  show(state: State): void {
    this.status.className = `status ${state.line}`;
    this.status.title = text(this.look.language, state.line);
    const known = this.phone.credentials;
    this.who.textContent = known ? `${known.extension}${known.name ? ` · ${known.name}` : ""}` : this.say("phone");
    this.call.disabled = state.line !== "ready";
    this.showProblem(state);
    this.cards.show(state);
    const rings = state.calls.some((one) => one.phase === "ringing" && one.direction === "in");
    this.launcher.classList.toggle("rings", rings);
    this.launcher.classList.toggle("bad", state.problem !== "");
    if (rings || state.calls.length) this.toggle(true);
  }

  toggle(on = !this.isShown): void {
    this.isShown = on || this.look.isPage;
    this.card.hidden = !this.isShown;
    this.launcher.setAttribute("aria-expanded", String(this.isShown));
  }

  remove(): void {
    this.host.remove();
  }

  private build(): void {
    this.root.adoptedStyleSheets = [sheet(tokens.replaceAll(":root", ":host")), sheet(style)];
    const dial = (event: Event) => {
      event.preventDefault();
      const number = dialled(this.field.value);
      if (!number) return this.field.focus();
      this.phone.wish({ wish: "dial", id: crypto.randomUUID(), number, at: Date.now() });
      this.field.value = "";
    };
    this.card.append(
      h("header", { class: "top" }, this.status, this.who, this.tool("history"), this.tool("settings"),
        !this.look.isPage && h("button", { type: "button", title: this.say("close"), "aria-label": this.say("close"), click: () => this.toggle(false) }, icon("close"))),
      this.message,
      h("form", { class: "dial", submit: dial }, this.field, this.call),
      this.meterBar,
      this.cards.element,
      this.drawer,
    );
    if (this.look.isPage) {
      this.host.className = "page";
      document.body.append(this.host);
      this.root.append(h("main", { lang: this.look.language }, h("h1", { class: "hidden" }, this.say("phone")), this.card));
    } else {
      this.card.lang = this.look.language;
      document.body.append(this.host);
      this.root.append(this.card, this.launcher);
    }
    this.toggle(this.look.isPage);
  }

  private say(key: Key): string {
    return text(this.look.language, key);
  }

  private tool(which: Exclude<Drawer, "">): HTMLElement {
    const click = () => {
      this.open = this.open === which ? "" : which;
      void this.showDrawer();
    };
    return h("button", { type: "button", title: this.say(which), "aria-label": this.say(which), "data-drawer": which, click }, icon(which satisfies Icon));
  }

  private showProblem(state: State): void {
    const known = `${state.line} ${state.problem} ${state.detail}`;
    if (known === this.shownProblem) return; // what somebody types into it stays
    this.shownProblem = known;
    const said = problemText(this.look.language, state.problem, state.detail);
    const form = state.problem === "signed-out" ? this.look.signIn?.() : null;
    const line = state.line === "lost" && state.problem === "no-connection" ? this.say("lost") : said;
    const retry = state.problem && state.line !== "lost" && !form;
    this.message.replaceChildren(
      ...(line ? [h("p", {}, line)] : []),
      ...(form ? [form] : []),
      ...(retry ? [h("button", { type: "button", class: "text", click: () => void this.phone.connect() }, this.say("retry"))] : []),
    );
    this.message.hidden = !this.message.childNodes.length;
  }

  private async showDrawer(): Promise<void> {
    for (const one of this.root.querySelectorAll("[data-drawer]")) {
      one.setAttribute("aria-expanded", String(one.getAttribute("data-drawer") === this.open));
    }
    const which = this.open;
    const shown = which === "history" ? await this.history() : which === "settings" ? await this.settings() : null;
    if (which === this.open) this.drawer.replaceChildren(...(shown ? [shown] : []));
  }

  private async history(): Promise<HTMLElement> {
    const title = h("h2", {}, this.say("history"));
    const calls = await this.phone.history().catch(() => null);
    if (!calls?.length) return h("div", {}, title, h("p", { class: "quiet" }, this.say(calls ? "noHistory" : "lost")));
    const when = new Intl.DateTimeFormat(this.look.language, { dateStyle: "short", timeStyle: "short" });
    const rows = calls.map((one) => {
      const missed = one.direction === "in" && one.billsec === 0;
      const click = () => {
        this.field.value = one.number;
        this.field.focus();
      };
      return h("li", {}, h("button", { type: "button", class: missed ? "missed" : "", click }, icon(one.direction),
        h("span", {}, one.number, missed && h("em", { class: "hidden" }, ` ${this.say("missed")}`)),
        h("time", { datetime: one.time_started }, when.format(new Date(one.time_started)))));
    });
    return h("div", {}, title, h("ul", {}, ...rows));
  }

  private async settings(): Promise<HTMLElement> {
    const pick = async (kind: "audioinput" | "audiooutput", field: "microphone" | "speaker") => {
      const known = await devices(kind);
      const change = (event: Event) => {
        void this.phone.choose({ ...this.phone.chosen, [field]: (event.target as HTMLSelectElement).value });
      };
      const options = known.map((one) => h("option", { value: one.id, selected: one.id === this.phone.chosen[field] }, one.label || one.id));
      return h("label", {}, this.say(field), h("select", { change }, h("option", { value: "" }, this.say("standard")), ...options));
    };
    const ask = async () => {
      await Notification.requestPermission();
      await this.showDrawer();
    };
    const canAsk = "Notification" in window && Notification.permission === "default";
    return h("div", {}, h("h2", {}, this.say("settings")), await pick("audioinput", "microphone"), await pick("audiooutput", "speaker"),
      canAsk && h("button", { type: "button", class: "text", click: () => void ask() }, this.say("notify")));
  }

  private tick(): void {
    this.cards.tick(Date.now());
    const stream = this.phone.stream;
    if (this.meter?.of !== stream) {
      this.meter?.meter.close();
      this.meter = stream ? { of: stream, meter: new Meter(stream) } : null;
    }
    this.meterBar.hidden = !this.meter;
    this.level.style.setProperty("inline-size", `${Math.round((this.meter?.meter.level ?? 0) * 100)}%`);
  }
}

function sheet(css: string): CSSStyleSheet {
  const made = new CSSStyleSheet();
  made.replaceSync(css);
  return made;
}
