import { account } from "./account";
import { audit } from "./audit";
import { calls } from "./calls";
import { common } from "./common";
import { developers } from "./developers";
import { now } from "./now";
import { operator } from "./operator";
import { people } from "./people";
import { reports } from "./reports";
import { routing } from "./routing";

const texts = {
  ...common,
  ...account,
  ...now,
  ...calls,
  ...developers,
  ...people,
  ...reports,
  ...routing,
  ...audit,
  ...operator,
};

export type Word = keyof typeof texts;
export type Language = "vi" | "en";
const KEPT = "language";

function first(): Language {
  const kept = localStorage.getItem(KEPT);
  if (kept === "vi" || kept === "en") return kept;
  return navigator.languages.some((one) => one.startsWith("vi")) ? "vi" : "en";
}

/** The language of the page: that of the browser, until another is chosen. */
export const language = $state({ now: first() });

export function choose(chosen: Language): void {
  localStorage.setItem(KEPT, chosen);
  language.now = chosen;
}

/** The text in the language of the page, with the values in place of their {names}. */
export function t(word: Word, values: Record<string, string | number> = {}): string {
  const text: string = texts[word][language.now === "vi" ? 0 : 1];
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}
