import { SvelteMap } from "svelte/reactivity";
import { ended, headers, problem, Problem, scoped, type Schemas } from "./api";

type State = Schemas["LiveState"];
type Kind = "calls" | "queues" | "agents" | "registrations" | "trunks";
type Changes = Partial<State> & { gone?: Partial<Record<Kind, string[]>> };
const KINDS: Record<Kind, string> = {
  calls: "id",
  queues: "number",
  agents: "extension",
  registrations: "extension",
  trunks: "name",
};
const PAUSES_MS = [500, 1000, 2000, 5000];

/** What goes on in the domain, kept up to date by server-sent events while `follow` runs. */
export class Live {
  calls = new SvelteMap<string, Schemas["LiveCall"]>();
  queues = new SvelteMap<string, Schemas["LiveQueue"]>();
  agents = new SvelteMap<string, Schemas["LiveAgent"]>();
  registrations = new SvelteMap<string, Schemas["LiveRegistration"]>();
  trunks = new SvelteMap<string, Schemas["LiveTrunk"]>();
  link = $state<"connecting" | "connected" | "away">("connecting");
  problem = $state.raw<Problem>();
  #seq = "";

  /** Follows until the signal; after a lost connection it goes on where it was. */
  async follow(until: AbortSignal): Promise<void> {
    for (let tries = 0; !until.aborted; tries++) {
      try {
        await this.#listen(until, () => (tries = 0));
      } catch (reason) {
        if (until.aborted) return;
        this.problem = reason instanceof Problem ? reason : undefined;
        if (this.problem?.status === 401) ended.tell();
        if (this.problem?.status === 403) return;
      }
      this.link = "away";
      await paused(PAUSES_MS[Math.min(tries, PAUSES_MS.length - 1)]!, until);
    }
  }

  async #listen(signal: AbortSignal, began: () => void): Promise<void> {
    const answer = await fetch(scoped("/v1/live"), {
      headers: { ...headers(), Accept: "text/event-stream", ...this.#position() },
      cache: "no-store",
      signal,
    });
    if (!answer.ok) throw problem(answer.status, await answer.json().catch(() => null));
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ""; ; ) {
      const { value, done } = await reader.read();
      if (done) return;
      const events = (text + value).split("\n\n");
      text = events.pop()!;
      for (const event of events) this.#take(event);
      if (this.#seq) {
        this.link = "connected";
        this.problem = undefined;
        began();
      }
    }
  }

  #position(): Record<string, string> {
    return this.#seq ? { "Last-Event-ID": this.#seq } : {};
  }

  #take(event: string): void {
    const lines = new Map(event.split("\n").map((line) => cut(line)));
    const data = lines.get("data");
    if (!data) return;
    this.#apply(JSON.parse(data) as Changes, lines.get("event") === "state");
    this.#seq = lines.get("id") ?? this.#seq;
  }

  #apply(changes: Changes, isWhole: boolean): void {
    for (const [kind, id] of Object.entries(KINDS) as [Kind, string][]) {
      const known = this[kind] as SvelteMap<string, unknown>;
      if (isWhole) known.clear();
      for (const gone of changes.gone?.[kind] ?? []) known.delete(gone);
      for (const one of (changes[kind] ?? []) as unknown as Record<string, string>[]) known.set(one[id]!, one);
    }
  }
}

function cut(line: string): [string, string] {
  const at = line.indexOf(":");
  return [line.slice(0, at), line.slice(at + 1).trimStart()];
}

function paused(ms: number, until: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    until.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
