import createClient, { createQuerySerializer } from "openapi-fetch";
import type { components, paths } from "../../../generated/schema";
import { language } from "../words/index.svelte";

export type Schemas = components["schemas"];

/** What is wrong, in the language of the page. `status` 0: the server was not reached. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly field = "",
  ) {
    super(message);
  }
}

type Listener = () => void;
const serialized = createQuerySerializer();

/** The domain that an operator looks at; "" for users, who have one. */
export const scope = { domain: "" };
/** Called when the session has ended. */
export const ended: { tell: Listener } = { tell: () => {} };

export const headers = () => ({
  "X-Requested-With": "portal",
  "Accept-Language": language.now,
});

export const api = createClient<paths>({
  cache: "no-store",
  querySerializer: (query) =>
    serialized(scope.domain ? { ...query, domain: scope.domain } : query),
});

api.use({
  onRequest({ request }) {
    for (const [name, value] of Object.entries(headers())) request.headers.set(name, value);
  },
  onResponse({ response, schemaPath }) {
    if (response.status === 401 && schemaPath !== "/v1/session") ended.tell();
  },
});

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The content of the answer. Throws a Problem. */
export async function take<T>(asked: Promise<Answer<T>>): Promise<T> {
  const answer = await asked.catch(() => {
    throw new Problem(0, "OFFLINE", "");
  });
  if (answer.response.ok) return answer.data as T;
  throw problem(answer.response.status, answer.error);
}

export function problem(status: number, body: unknown): Problem {
  const told = (typeof body === "object" && body ? body : {}) as Record<string, string>;
  return new Problem(status, told.error ?? "ERROR", told.message ?? "", told.field ?? "");
}

/** The query with the domain that an operator looks at. */
export function within(query: URLSearchParams): URLSearchParams {
  const all = new URLSearchParams(query);
  if (scope.domain) all.set("domain", scope.domain);
  return all;
}

/** The path with that query, and the domain that an operator looks at. */
export function scoped(path: string, query = new URLSearchParams()): string {
  const all = within(query);
  return all.size ? `${path}?${all}` : path;
}
