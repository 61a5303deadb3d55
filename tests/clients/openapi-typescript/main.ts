// A CRM on the types of openapi-typescript, with the small fetch wrapper of the same authors.
import createClient from "openapi-fetch";

import type { components, paths, webhooks } from "./client/schema.js";

type Event = components["schemas"]["Event"];
type Cdr = webhooks["cdr"]["post"]["requestBody"]["content"]["application/json"];

const { API, USERNAME, PASSWORD, CUSTOMER_ID } = process.env as Record<string, string>;
const api = createClient<paths, "application/json">({ baseUrl: API! });
const files = createClient<paths, "audio/wav">({ baseUrl: API! });

function given<Data>(answer: { data?: Data; error?: unknown; response: Response }): Data {
  if (answer.data === undefined) throw new Error(`${answer.response.status} ${JSON.stringify(answer.error)}`);
  return answer.data;
}

async function logIn(): Promise<void> {
  const account = given(await api.POST("/v1/auth", { body: { username: USERNAME!, password: PASSWORD! } }));
  const granted = given(await api.POST("/v1/auth/token", { body: { api_key: account.data.api_key } }));
  api.use({
    onRequest({ request }) {
      request.headers.set("Authorization", `${granted.data.token_type} ${granted.data.token}`);
    },
  });
}

async function subscribe(): Promise<string[]> {
  const body = { callback_url: "http://127.0.0.1:9000/", event: "endpoint.disabled" };
  const made = given(await api.POST("/v1/event", { body }));
  const path = { id: made.id };
  const listed = given(await api.GET("/v1/event"));
  given(await api.DELETE("/v1/event/{id}", { params: { path } }));
  const left = given(await api.GET("/v1/event"));
  const names = (page: typeof left) => page.data.filter((one) => one.id === made.id).map((one) => one.event_name);
  return [made.data.secret ?? "no secret", ...names(listed), ...names(left)];
}

// What a pop-up needs of an event: the state tells which fields it has.
function told(event: Event): string {
  switch (event.state) {
    case "endpoint.disabled":
      return event.disabled_reason;
    case "cdr":
      return recorded(event);
    default:
      return `${event.direction} ${event.from_number} ${event.to_number}`;
  }
}

// The same for the body of a webhook.
function recorded(event: Cdr): string {
  return event.status === "ANSWERED" ? event.recording_url : "";
}

async function ended(after: number, callId: string): Promise<[states: string[], recording: string]> {
  const states: string[] = [];
  for (;;) {
    const page = given(await api.GET("/v1/event/feed", { params: { query: { after, wait: 30, event: ["ringing", "answered", "hangup", "cdr"] } } }));
    for (const { body } of page.data) {
      if (body.state === "endpoint.disabled" || body.call_id !== callId) continue;
      states.push(body.state);
      if (body.state === "cdr") return [states, told(body)];
    }
    after = page.next;
  }
}

await logIn();
const secret_and_names = await subscribe();
const before = given(await api.GET("/v1/event/feed", { params: { query: { limit: 1 } } })).last_seq;
const called = given(await api.POST("/v1/click2call", { body: { ext: 201, phone: "0900000002", customer_id: CUSTOMER_ID! } }));
const [states, recordingUrl] = await ended(before, called.call_id);

const query = { extension: ["201", "202"], direction: ["outbound" as const, "2" as const], status: ["ANSWERED" as const, "BUSY" as const], limit: 100 };
const listed = given(await api.GET("/v1/cdr", { params: { query } }));
const nobody = given(await api.GET("/v1/cdr", { params: { query: { ...query, extension: ["998", "999"] } } }));
const record = given(await api.GET("/v1/cdr/{id}", { params: { path: { id: called.call_id } } }));

const token = new URL(recordingUrl).pathname.split("/").pop()!;
const played = given(await files.GET("/recordings/{token}", { params: { path: { token } }, parseAs: "arrayBuffer" }));

const missing = await api.GET("/v1/cdr/{id}", { params: { path: { id: "nothing" } } });
const refused = await api.POST("/v1/click2call", { body: { ext: "201", phone: "x" } });

console.log(JSON.stringify({
  subscription: secret_and_names,
  states,
  call_id: called.call_id,
  record: record.call_id,
  customer_id: record.customer_id,
  listed: listed.data.map((one) => one.call_id),
  extensions: [...new Set(listed.data.map((one) => one.extension))],
  nobody: nobody.data.length,
  recording: new TextDecoder().decode(played.slice(0, 4)),
  bytes: played.byteLength,
  missing: missing.error?.error,
  refused: [refused.error?.error, refused.error?.field],
}));
