import { api, take, type Schemas } from "./api";

type Queue = Schemas["ConfiguredQueue"];
type Group = Schemas["ConfiguredRingGroup"];

/** A place in the way of a call: what it is, who rings, and where it goes on. */
export interface Stop {
  number: string;
  name: string;
  kind: "extension" | "ring_group" | "queue";
  strategy: Group["strategy"] | "";
  members: string[];
  timeout_s: number;
  overflow: string;
}

export interface Routing {
  hotlines: Schemas["ConfiguredHotline"][];
  stops: Map<string, Stop>;
  names: Map<string, string>;
}

const MOST = 500;

/** The numbers of the domain, and what each leads to. */
export async function load(): Promise<Routing> {
  const params = { params: { query: { limit: MOST } } };
  const [hotlines, groups, queues, extensions] = await Promise.all([
    take(api.GET("/v1/admin/hotlines", params)),
    take(api.GET("/v1/admin/ring-groups", params)),
    take(api.GET("/v1/admin/queues", params)),
    take(api.GET("/v1/admin/extensions", params)).catch(() => ({ data: [] })),
  ]);
  const names = new Map(extensions.data.map((one) => [one.extension, one.name]));
  const stops = new Map<string, Stop>();
  for (const one of extensions.data) stops.set(one.extension, extension(one));
  for (const one of groups.data) stops.set(one.number, ringGroup(one));
  for (const one of queues.data) stops.set(one.number, queue(one));
  return { hotlines: hotlines.data, stops, names };
}

function extension(of: Schemas["ConfiguredExtension"]): Stop {
  const { extension: number, name, ring_timeout_s: timeout_s } = of;
  return { number, name, kind: "extension", strategy: "", members: [], timeout_s, overflow: "" };
}

function ringGroup({ number, name, strategy, members, timeout_s, overflow }: Group): Stop {
  return { number, name, kind: "ring_group", strategy, members: [...members], timeout_s, overflow };
}

function queue({ number, name, agents, timeout_s, overflow }: Queue): Stop {
  return { number, name, kind: "queue", strategy: "", members: [...agents], timeout_s, overflow };
}

/** The stops of a call to that number, until it ends or comes back to one. */
export function way(routing: Routing, number: string): Stop[] {
  const stops: Stop[] = [];
  for (let at = number; at; at = stops.at(-1)!.overflow) {
    const stop = routing.stops.get(at);
    if (!stop || stops.includes(stop)) break;
    stops.push(stop);
  }
  return stops;
}

/** Ring groups and queues to which no hotline leads, not even by overflow. */
export function unused(routing: Routing): Stop[] {
  const used = new Set(routing.hotlines.flatMap((one) => way(routing, one.destination)));
  return [...routing.stops.values()].filter((one) => one.kind !== "extension" && !used.has(one));
}
