import { t, type Word } from "../words/index.svelte";
import { api, take, within, type Schemas } from "./api";

export type Record = Schemas["CallRecord"];
export const LIMIT = 25;

const words: { [status: string]: [Word, "good" | "warn" | "bad" | "calm"] } = {
  ANSWERED: ["statusANSWERED", "good"],
  BUSY: ["statusBUSY", "warn"],
  CANCEL: ["statusCANCEL", "warn"],
  "NO-ANSWERED": ["statusNOANSWERED", "warn"],
  "NOT-AVAILABLE": ["statusNOTAVAILABLE", "bad"],
  INVALID: ["statusINVALID", "bad"],
  CONGESTION: ["statusCONGESTION", "bad"],
};
export const STATUSES = Object.keys(words);

export const statusText = (status: string) => (words[status] ? t(words[status][0]) : status);
export const statusTone = (status: string) => words[status]?.[1] ?? "calm";
export const direction = (record: Record) =>
  (["local", "inbound", "outbound"] as const)[record.direction - 1] ?? "local";

/** The filters of the API, as they stand in the address. Several values of one: with commas. */
export const FILTERS = [
  "phone", "start_date", "end_date", "status", "direction", "extension", "hotline", "min_duration",
  "duration", "start_date_ended", "end_date_ended", "recordingfile",
] as const;
const MANY: ReadonlySet<string> = new Set(["phone", "extension", "hotline", "status", "direction"]);

/** Those of them that are given. */
export function filters(query: URLSearchParams): URLSearchParams {
  const found = new URLSearchParams();
  for (const name of FILTERS) {
    const text = query.get(name) ?? "";
    const values = MANY.has(name) ? text.split(/\s*[,;]\s*/) : [text.trim()];
    for (const value of values.filter(Boolean)) found.append(name, value);
  }
  return found;
}

/** One page of records by the filters in the address. */
export function find(query: URLSearchParams): Promise<Schemas["Page"]> {
  const wanted = filters(query);
  wanted.set("page", query.get("page") ?? "1");
  wanted.set("limit", String(LIMIT));
  const querySerializer = () => within(wanted).toString();
  return take(api.GET("/v1/cdr", { querySerializer })) as Promise<Schemas["Page"]>;
}
