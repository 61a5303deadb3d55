import { readMoment, shownMoment } from "./dates";
import { session } from "./session.svelte";
import type { Word } from "../words/index.svelte";

/** How a field of the configuration is typed.
 *
 * text, secret: as it is; moment: day and time in the domain's zone; number: "" is the default; check: on or off; choice: one of its
 * options; words: a list, with commas; lines: a list, one a line.
 */
type Kind = "text" | "secret" | "moment" | "number" | "check" | "choice" | "words" | "lines";

export interface Field<Name extends string = string> {
  /** As the API calls it. */
  name: Name;
  label: Word;
  kind: Kind;
  hint?: Word;
  /** Of a choice; null, true and false are sent as such. */
  options?: [value: string | boolean | null, label: Word | ""][];
  /** An empty text is sent as null. */
  nullable?: boolean;
  /** Only of new ones: it names them, or does not change. */
  onlyNew?: boolean;
  required?: boolean;
  /** Of new ones, where it is not empty. */
  initial?: string | boolean;
}

export type Values = { [name: string]: unknown };
export type Typed = { [name: string]: string | boolean };

/** What stands in the form for those values. */
export function typed(fields: readonly Field[], values: Values | undefined): Typed {
  const shown = (field: Field) => {
    const value = values ? values[field.name] : field.initial;
    if (field.kind === "check") return Boolean(value);
    if (field.kind === "words") return ((value ?? []) as string[]).join(", ");
    if (field.kind === "lines") return ((value ?? []) as string[]).join("\n");
    if (field.kind === "moment") return shownMoment(value as string, zone());
    return field.kind === "choice" ? String(value) : String(value ?? "");
  };
  return Object.fromEntries(fields.map((field) => [field.name, shown(field)]));
}

/** The values to send: of new things all that were given, of others those that were changed. */
export function given(fields: readonly Field[], now: Typed, before: Typed | undefined): Values {
  const sent = fields.filter((field) => {
    if (before) return !field.onlyNew && now[field.name] !== before[field.name];
    return now[field.name] !== "";
  });
  return Object.fromEntries(sent.map((field) => [field.name, value(field, now[field.name]!)]));
}

const zone = () => session.me?.time_zone || "UTC";

function value(field: Field, text: string | boolean): unknown {
  if (typeof text === "boolean") return text;
  const plain = text.trim();
  if (field.kind === "words") return plain.split(/[\s,;]+/).filter(Boolean);
  if (field.kind === "lines") return plain.split(/\s*\n\s*/).filter(Boolean);
  if (field.kind === "number") return plain === "" ? null : Number(plain);
  if (field.kind === "choice") return field.options!.find(([one]) => String(one) === plain)![0];
  if (field.kind === "moment") return readMoment(plain, zone());
  return plain === "" && field.nullable ? null : plain;
}
