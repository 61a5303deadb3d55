// A CRM on the client that @hey-api/openapi-ts generates.
import { client } from "./client/client.gen.js";
import * as api from "./client/index.js";

const { API, USERNAME, PASSWORD, CUSTOMER_ID } = process.env as Record<string, string>;
const throwOnError = true;

async function logIn(): Promise<void> {
  client.setConfig({ baseUrl: API! });
  const account = await api.login({ body: { username: USERNAME!, password: PASSWORD! }, throwOnError });
  const granted = await api.getToken({ body: { api_key: account.data.data.api_key }, throwOnError });
  client.setConfig({ auth: () => granted.data.data.token });
}

async function subscribe(): Promise<string[]> {
  const body = { callback_url: "http://127.0.0.1:9000/", event: "endpoint.disabled" };
  const made = await api.createSubscription({ body, throwOnError });
  const { id, data } = made.data;
  const listed = await api.listSubscriptions({ throwOnError });
  await api.deleteSubscription({ path: { id }, throwOnError });
  const left = await api.listSubscriptions({ throwOnError });
  const names = (page: api.Subscriptions) => page.data.filter((one) => one.id === id).map((one) => one.event_name);
  return [data.secret ?? "no secret", ...names(listed.data), ...names(left.data)];
}

// What a pop-up needs of an event: the state tells which fields it has.
function told(event: api.Event): string {
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
function recorded(event: api.OnCdrWebhookPayload): string {
  return event.status === "ANSWERED" ? event.recording_url : "";
}

async function feed(query: NonNullable<api.ReadFeedData["query"]>): Promise<api.FeedPage> {
  const page = (await api.readFeed({ query, throwOnError })).data;
  if (typeof page === "string") throw new Error("this is a stream");
  return page;
}

async function ended(after: number, callId: string): Promise<[states: string[], recording: string]> {
  const states: string[] = [];
  for (;;) {
    const page = await feed({ after, wait: 30, event: ["ringing", "answered", "hangup", "cdr"] });
    for (const { body } of page.data) {
      if (body.state === "endpoint.disabled" || body.call_id !== callId) continue;
      states.push(body.state);
      if (body.state === "cdr") return [states, told(body)];
    }
    after = page.next;
  }
}

await logIn();
const subscription = await subscribe();
const before = (await feed({ limit: 1 })).last_seq;
const called = await api.click2Call({ body: { ext: 201, phone: "0900000002", customer_id: CUSTOMER_ID! }, throwOnError });
const callId = called.data.call_id;
const [states, recordingUrl] = await ended(before, callId);

const query = { extension: ["201", "202"], direction: ["outbound" as const, "2" as const], status: ["ANSWERED" as const, "BUSY" as const], limit: 100 };
const listed = await api.listCdrs({ query, throwOnError });
const nobody = await api.listCdrs({ query: { ...query, extension: ["998", "999"] }, throwOnError });
const record = await api.getCdr({ path: { id: callId }, throwOnError });

const token = new URL(recordingUrl).pathname.split("/").pop()!;
const played = await api.getRecording({ path: { token }, parseAs: "blob", throwOnError });
if (!(played.data instanceof Blob)) throw new Error("this is no recording");
const bytes = await played.data.arrayBuffer();

const missing = await api.getCdr({ path: { id: "nothing" } });
const refused = await api.click2Call({ body: { ext: "201", phone: "x" } });

console.log(JSON.stringify({
  subscription,
  states,
  call_id: callId,
  record: record.data.call_id,
  customer_id: record.data.customer_id,
  listed: listed.data.data.map((one) => one.call_id),
  extensions: [...new Set(listed.data.data.map((one) => one.extension))],
  nobody: nobody.data.data.length,
  recording: new TextDecoder().decode(bytes.slice(0, 4)),
  bytes: bytes.byteLength,
  missing: missing.error?.error,
  refused: [refused.error?.error, refused.error?.field],
}));
