import { place } from "./place.svelte";
import { api, take, type Schemas } from "./api";
import { session } from "./session.svelte";

export type Report = Schemas["Report"];
export type Figures = Schemas["Figures"];
export type Line = Schemas["ReportLine"];
export const OF = ["domain", "hotline", "queue", "ring_group", "extension", "trunk"] as const;
export type Of = (typeof OF)[number];

const DAY_MS = 86_400_000;
/** Longer periods are drawn by weeks, even longer ones by months. */
const BY_DAY = 62;
const BY_WEEK = 400;

export interface Wanted {
  of: Of;
  start_date: string;
  end_date: string;
  compare: "" | "previous" | "year";
  direction: string;
}

/** What the address asks for; by itself the last 30 days of the domain, and those before. */
export function wanted(): Wanted {
  const of = OF.find((one) => one === place.query.get("of")) ?? "domain";
  const today = todayThere();
  const compare = place.query.get("compare") ?? "previous";
  return {
    of,
    start_date: place.query.get("start_date") ?? back(today, 29),
    end_date: place.query.get("end_date") ?? today,
    compare: compare === "previous" || compare === "year" ? compare : "",
    direction: place.query.get("direction") ?? "",
  };
}

/** Today in the domain's zone. */
export function todayThere(): string {
  const style = { timeZone: session.me?.time_zone || "UTC", dateStyle: "short" } as const;
  return new Intl.DateTimeFormat("sv", style).format(Date.now());
}

/** So many days before. */
export const back = (day: string, days: number): string =>
  new Date(Date.parse(day) - days * DAY_MS).toISOString().slice(0, 10);

const days = (from: string, to: string) => (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;

function unit(of: Wanted): "day" | "week" | "month" {
  const long = days(of.start_date, of.end_date);
  return long <= BY_DAY ? "day" : long <= BY_WEEK ? "week" : "month";
}

export interface Found {
  wanted: Wanted;
  byName: Report;
  byDay: Report;
  heat: Report;
}

/** The report by name, by day (week, month), and by weekday and hour. */
export async function load(): Promise<Found> {
  const asked = wanted();
  const [byName, byDay, heat] = await Promise.all([
    report(asked, "name", asked.compare),
    report(asked, unit(asked), asked.compare),
    report(asked, "heat", ""),
  ]);
  return { wanted: asked, byName, byDay, heat };
}

const query = ({ start_date, end_date, direction }: Wanted) => ({
  start_date,
  end_date,
  direction: direction ? [direction] : undefined,
});

function report(of: Wanted, by: Report["by"], compare: Wanted["compare"]): Promise<Report> {
  const params = { path: { of: of.of }, query: { ...query(of), by, compare } };
  return take(api.GET("/v1/reports/{of}", { params: params as never })) as Promise<Report>;
}

/** The lines by name as a CSV file. */
export function file(of: Wanted): Promise<Blob> {
  const params = { path: { of: of.of }, query: { ...query(of), by: "name" } };
  const asked = api.GET("/v1/reports/{of}", {
    params: params as never,
    headers: { Accept: "text/csv" },
    parseAs: "blob",
  });
  return take(asked) as unknown as Promise<Blob>;
}

export interface Bar {
  day: string;
  now: Line | undefined;
  /** Of the period it is compared with, as far from its beginning. */
  before: Line | undefined;
}

/** A bar for each day (week, month) of the period, also where nobody called. */
export function bars(of: Report): Bar[] {
  const at = new Map(of.data.map((line) => [line.day, line]));
  const earlier = new Map(of.compared?.data.map((line) => [line.day, line]));
  const now = steps(of.start_date, of.end_date, of.by);
  const before = of.compared ? steps(of.compared.start_date, of.compared.end_date, of.by) : [];
  return now.map((day, n) => ({ day, now: at.get(day), before: earlier.get(before[n] ?? "") }));
}

function steps(from: string, to: string, by: string): string[] {
  const found: string[] = [];
  for (let day = first(from, by); day <= to; day = next(day, by)) found.push(day);
  return found;
}

/** The day that stands for the week, or month. */
function first(day: string, by: string): string {
  if (by === "month") return `${day.slice(0, 7)}-01`;
  return by === "week" ? back(day, (new Date(day).getUTCDay() + 6) % 7) : day;
}

const next = (day: string, by: string): string =>
  by === "month" ? first(back(day, -31), by) : back(day, by === "week" ? -7 : -1);
