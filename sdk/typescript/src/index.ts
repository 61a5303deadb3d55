import createClient, { type Client } from "openapi-fetch";

import type { paths } from "./schema.js";

export type { components, operations, paths, webhooks } from "./schema.js";

export interface Options {
  readonly baseUrl: string;
  readonly apiKey: string; // only on a server: whoever reads it may do all that it permits
}

export type Tongdai = Client<paths, "application/json">;

const SOONER_S = 60; // before the end of a token another one is asked for

// A client that gets its tokens by the API key. A log-in that is refused throws.
export function tongdai({ baseUrl, apiKey }: Options): Tongdai {
  const anybody = createClient<paths, "application/json">({ baseUrl });
  const client = createClient<paths, "application/json">({ baseUrl });
  let held: { readonly token: string; readonly expired: number } | null = null;

  async function token(): Promise<string> {
    if (held && held.expired - SOONER_S > Date.now() / 1000) return held.token;
    const { data, error } = await anybody.POST("/v1/auth/token", { body: { api_key: apiKey } });
    if (!data) throw new Error(`tongdai: ${error?.message ?? "no answer"}`);
    held = data.data;
    return held.token;
  }

  client.use({
    async onRequest({ request }) {
      request.headers.set("Authorization", `Bearer ${await token()}`);
      return request;
    },
  });
  return client;
}
