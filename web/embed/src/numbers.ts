// Telephone numbers in a text of a page. Pure.

export interface Found {
  readonly start: number;
  readonly end: number;
  readonly number: string; // as it is dialled
}

// Groups of digits, with the separators that people write; not within longer runs, dates, amounts or addresses.
const NUMBER = /(?<![\w.,/@:#-])(?:\+|\(0|0|1[89]00)[\d\s().·-]{3,22}\d(?![\w/@%]|[.,:-]\d)/gu;
const LEAST = 8, MOST = 15; // digits: the longest is E.164's

export function numbersIn(text: string): readonly Found[] {
  const found: Found[] = [];
  for (const match of text.matchAll(NUMBER)) {
    const number = dialled(match[0]);
    const digits = number.replace("+", "").length;
    if (digits < LEAST || digits > MOST) continue;
    found.push({ start: match.index, end: match.index + match[0].length, number });
  }
  return found;
}

// The number without separators, and without the (0) of +84 (0)90.
export function dialled(text: string): string {
  const plain = text.trim().replace(/^tel:/i, "").replace(/^\+(\d+)[\s.]*\(0\)/, "+$1").replace(/;.*$/, "");
  return plain.replace(/[^\d+*#]/g, "");
}

// The CRM's own URL for a call: {number}, {name} and {extension} are put in, encoded.
export function crmUrl(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (whole, key: string) => (key in values ? encodeURIComponent(values[key] ?? "") : whole));
}
