/** Dates as people type them: day, month, year, with or without a time, in the domain's zone. */

/** 31/12/2026 of 2026-12-31; what is none stays as it is. */
export function shownDate(iso: string): string {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(iso) ?? [];
  return year ? `${day}/${month}/${year}` : iso;
}

/** 2026-12-31 of 31/12/2026 (or 31.12.2026, 31-12-2026); what is none stays as it is. */
export function readDate(text: string): string {
  const [, day, month, year] = /^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})$/.exec(text.trim()) ?? [];
  if (!day || !month) return text.trim();
  return `${year}-${month.padStart(2, "0")}-${day.padStart(2, "0")}`;
}

/** 31/12/2026 18:30 in the zone, of an instant; "" of none. */
export function shownMoment(instant: string | null | undefined, zone: string): string {
  if (!instant) return "";
  const [date = "", time = ""] = wall(Date.parse(instant), zone).split("T");
  return `${shownDate(date)} ${time.slice(0, 5)}`;
}

/** The instant of 31/12/2026 18:30 in the zone; null of ""; what is none stays as it is. */
export function readMoment(text: string, zone: string): string | null {
  const [date = "", time = "00:00"] = text.trim().split(/\s+/);
  if (!date) return null;
  const wanted = Date.parse(`${readDate(date)}T${time.padStart(5, "0")}:00Z`);
  if (Number.isNaN(wanted)) return text;
  // off by as much as the zone is then; a second time, where it changes in between
  let at = wanted;
  for (let n = 0; n < 2; n++) at = wanted - (Date.parse(`${wall(at, zone)}Z`) - at);
  return new Date(at).toISOString();
}

/** 2026-12-31T18:30:00, as clocks in the zone say. */
function wall(at: number, zone: string): string {
  const style = { timeZone: zone, dateStyle: "short", timeStyle: "medium" } as const;
  return new Intl.DateTimeFormat("sv", style).format(at).replace(" ", "T");
}
