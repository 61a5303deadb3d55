// What the page asks the API for: credentials that end, and the last calls. By a token of the page's phone, which the
// CRM's back end made, or by the session of somebody who signed in here.
import type { Problem } from "./state.ts";

export interface Credentials {
  readonly extension: string;
  readonly name: string;
  readonly domain: string;
  readonly uri: string;
  readonly websocket_url: string;
  readonly username: string;
  readonly password: string;
  readonly expires_in: number; // seconds
  readonly iceServers: readonly { readonly urls: string[]; readonly username?: string; readonly credential?: string }[];
}

export interface PastCall {
  readonly id: string;
  readonly number: string;
  readonly direction: "in" | "out";
  readonly status: string;
  readonly time_started: string;
  readonly billsec: number;
}

export type Token = () => string | Promise<string>;

export class Refused extends Error {
  readonly problem: Problem;
  constructor(problem: Problem, detail: string) {
    super(detail);
    this.problem = problem;
  }
}

export class Access {
  private held = "";
  private readonly base: string;
  private readonly token: Token | null;
  private readonly extension: string | undefined;
  private readonly language: string;

  // Without a token the session's cookie counts; `extension` undefined: the user's own, or the token's.
  constructor(base: string, token: Token | null, extension: string | undefined, language: string) {
    this.base = base;
    this.token = token;
    this.extension = extension;
    this.language = language;
  }

  credentials(): Promise<Credentials> {
    const body = JSON.stringify(this.extension ? { extension: this.extension } : {});
    return this.ask<Credentials>("/v1/phone/credentials", { method: "POST", body });
  }

  async calls(): Promise<readonly PastCall[]> {
    const query = this.extension ? `?extension=${this.extension}` : "";
    return (await this.ask<{ data: PastCall[] }>(`/v1/phone/calls${query}`, {})).data;
  }

  // Raises Refused.
  private async ask<T>(path: string, request: RequestInit): Promise<T> {
    let answer = await this.send(path, request);
    if (answer.status === 401 && this.token) {
      this.held = ""; // it has expired: the page's own server makes another
      answer = await this.send(path, request);
    }
    if (answer.ok) return (await answer.json()) as T;
    throw new Refused(problemOf(answer.status), await messageOf(answer));
  }

  private async send(path: string, request: RequestInit): Promise<Response> {
    const headers: Record<string, string> = { "Content-Type": "application/json", "Accept-Language": this.language };
    if (this.token) headers.Authorization = `Bearer ${(this.held ||= await this.given(this.token))}`;
    else headers["X-Requested-With"] = "tongdai"; // proof that a page of ours asks
    const credentials = this.token ? "omit" : "same-origin";
    try {
      return await fetch(this.base + path, { ...request, headers, credentials, signal: AbortSignal.timeout(10_000) });
    } catch (reason) {
      throw new Refused("no-connection", String(reason));
    }
  }

  private async given(token: Token): Promise<string> {
    try {
      return await token();
    } catch (reason) {
      throw new Refused("signed-out", String(reason));
    }
  }
}

export function problemOf(status: number): Problem {
  if (status === 401) return "signed-out";
  if (status === 403 || status === 404 || status === 409 || status === 422) return "not-permitted";
  return "no-connection";
}

async function messageOf(answer: Response): Promise<string> {
  try {
    return String(((await answer.json()) as { message?: string }).message ?? "");
  } catch {
    return "";
  }
}
