import { t, type Word } from "../words/index.svelte";
import { api, take, type Schemas } from "./api";

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

/** One page of records by the filters in the address. */
export function find(query: URLSearchParams) {
  const text = (name: string) => query.get(name) || undefined;
  const list = (name: string) => (query.get(name) ? [query.get(name)!] : undefined);
  const filters = {
    start_date: text("start_date"),
    end_date: text("end_date"),
    min_duration: Number(query.get("min_duration")) || undefined,
    phone: list("phone"),
    extension: list("extension"),
    hotline: list("hotline"),
    status: list("status"),
    direction: list("direction"),
    page: Number(query.get("page")) || 1,
    limit: LIMIT,
  };
  type Query = NonNullable<Parameters<typeof api.GET<"/v1/cdr", object>>[1]>;
  const asked = api.GET("/v1/cdr", { params: { query: filters } } as unknown as Query);
  return take(asked) as Promise<Schemas["Page"]>;
}
