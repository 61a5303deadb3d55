import { t, type Word } from "../words/index.svelte";
import { api, take, type Schemas } from "./api";
import * as nouns from "./nouns";

/** A way on from a stop: when it is taken, and the number that it leads to; "": the call ends. */
export interface Exit {
  when: string;
  to: string;
}

/** A place in the way of a call: what it is, who rings there, and where it goes on. */
export interface Stop {
  number: string;
  name: string;
  noun: nouns.Noun;
  kind: Word;
  about: string;
  members: readonly string[];
  exits: Exit[];
}

export interface Routing {
  hotlines: Schemas["ConfiguredHotline"][];
  stops: Map<string, Stop>;
  names: Map<string, string>;
}

const MOST = 500;
const strategies: { [strategy: string]: Word } = {
  ring_all: "strategyRingAll",
  sequential: "strategySequential",
  round_robin: "strategyRoundRobin",
};

/** The numbers of the domain, and what each leads to. */
export async function load(): Promise<Routing> {
  const params = { params: { query: { limit: MOST } } };
  const [hotlines, groups, queues, menus, extensions] = await Promise.all([
    take(api.GET("/v1/admin/hotlines", params)),
    take(api.GET("/v1/admin/ring-groups", params)),
    take(api.GET("/v1/admin/queues", params)),
    take(api.GET("/v1/admin/menus", params)),
    take(api.GET("/v1/admin/extensions", params)).catch(() => ({ data: [] })),
  ]);
  const stops = [
    ...extensions.data.map(extension),
    ...groups.data.map(ringGroup),
    ...queues.data.map(queue),
    ...menus.data.map(menu),
  ];
  return {
    hotlines: hotlines.data,
    stops: new Map(stops.map((one) => [one.number, one])),
    names: new Map(extensions.data.map((one) => [one.extension, one.name])),
  };
}

function extension(of: Schemas["ConfiguredExtension"]): Stop {
  const always = { when: t("forwardsAll"), to: of.forward_always };
  const others = [
    { when: t("onBusy"), to: of.forward_busy },
    { when: t("onNoAnswer"), to: of.forward_no_answer },
    { when: t("onUnreachable"), to: of.forward_unreachable },
  ];
  return {
    number: of.extension,
    name: of.name,
    noun: nouns.extension,
    kind: "extension",
    about: of.do_not_disturb ? t("doNotDisturb") : "",
    members: [],
    exits: of.forward_always ? [always] : others.filter((one) => one.to),
  };
}

function ringGroup(of: Schemas["ConfiguredRingGroup"]): Stop {
  return {
    number: of.number,
    name: of.name,
    noun: nouns.ringGroup,
    kind: "ringGroup",
    about: t(strategies[of.strategy] ?? "strategyRingAll"),
    members: of.members,
    exits: after(of),
  };
}

function queue(of: Schemas["ConfiguredQueue"]): Stop {
  return {
    number: of.number,
    name: of.name,
    noun: nouns.queue,
    kind: "queue",
    about: "",
    members: of.agents,
    exits: after(of),
  };
}

/** Where calls go that nobody answers. */
function after({ overflow, timeout_s }: { overflow: string; timeout_s: number }): Exit[] {
  return overflow ? [{ when: t("then", { n: timeout_s }), to: overflow }] : [];
}

function menu(of: Schemas["ConfiguredMenu"]): Stop {
  const keys = of.keys.map((text) => {
    const [key = "", to = ""] = text.split("=");
    return { when: t("onKey", { key }), to };
  });
  const last = { when: t(keys.length ? "noKey" : "whenHeard"), to: of.overflow };
  return {
    number: of.number,
    name: of.name,
    noun: nouns.menu,
    kind: keys.length ? "voiceMenu" : "announcement",
    about: of.prompt,
    members: [],
    exits: of.overflow ? [...keys, last] : keys,
  };
}

/** Where calls to a hotline go. */
export function entrances(of: Schemas["ConfiguredHotline"]): Exit[] {
  if (of.hours === null) return [{ when: "", to: of.destination }];
  return [
    { when: t("whileOpen", { plan: of.hours }), to: of.destination },
    { when: t("whileClosed"), to: of.closed_destination },
  ];
}

/** Ring groups, queues and menus to which no hotline leads, not even by way of others. */
export function unused(routing: Routing): Stop[] {
  const used = new Set<string>();
  const found = (numbers: string[]) => {
    for (const number of numbers.filter((one) => !used.has(one))) {
      used.add(number);
      found(routing.stops.get(number)?.exits.map((exit) => exit.to) ?? []);
    }
  };
  found(routing.hotlines.flatMap((one) => entrances(one).map((exit) => exit.to)));
  const all = [...routing.stops.values()];
  return all.filter((one) => one.noun !== nouns.extension && !used.has(one.number));
}
