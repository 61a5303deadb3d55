import { language, t } from "../words/index.svelte";
import { session } from "./session.svelte";

/** The time, once a second. */
export const clock = $state({ now: Date.now() });
setInterval(() => (clock.now = Date.now()), 1000);

/** English as most read it: 24 hours, the day before the month. */
const locale = () => (language.now === "vi" ? "vi" : "en-GB");
const zone = () => session.me?.time_zone || undefined;

/** The moment in the domain's zone, as short as it is clear: the day is left out today. */
export function moment(at: string): string {
  const date = new Date(at);
  const day = { timeZone: zone(), dateStyle: "short" } as const;
  const days = new Intl.DateTimeFormat(locale(), day);
  const isToday = days.format(date) === days.format(clock.now);
  const style = { timeZone: zone(), timeStyle: "medium" } as const;
  return new Intl.DateTimeFormat(locale(), isToday ? style : { ...style, ...day }).format(date);
}

/** The exact moment, with its zone, for the pointer that rests on it. */
export function exactly(at: string): string {
  const style = { timeZone: zone(), dateStyle: "full", timeStyle: "long" } as const;
  return `${new Intl.DateTimeFormat(locale(), style).format(new Date(at))} · ${at}`;
}

/** How long ago, in one unit. */
export function ago(at: string): string {
  const s = Math.max(0, Math.round((clock.now - Date.parse(at)) / 1000));
  if (s < 5) return t("justNow");
  if (s < 60) return t("ago", { t: t("seconds", { n: s }) });
  if (s < 3600) return t("ago", { t: t("minutes", { n: Math.floor(s / 60) }) });
  if (s < 86_400) return t("ago", { t: t("hours", { n: Math.floor(s / 3600) }) });
  return moment(at);
}

/** Seconds as 0:07, 12:34 or 1:02:03. */
export function clocked(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  const two = (n: number) => String(n).padStart(2, "0");
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
  return h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}

/** Since then, as `clocked`. */
export function since(at: string): string {
  return clocked((clock.now - Date.parse(at)) / 1000);
}
