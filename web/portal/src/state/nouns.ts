import type { Word } from "../words/index.svelte";
import type { Schemas } from "./api";
import type { Field } from "./fields";
import type { Permission } from "./session.svelte";

/** Things of the configuration that are made, changed and deleted by the same form. */
export interface Noun {
  /** The path of their list. */
  path: string;
  /** The field that names one in the path. */
  key: string;
  title: Word;
  add: Word;
  may: Permission;
  fields: readonly Field[];
}

/** The names of its fields are those of the API, or it does not build. */
function noun<New extends keyof Schemas>(
  of: Omit<Noun, "fields"> & { fields: readonly Field<keyof Schemas[New] & string>[] },
): Noun {
  return of;
}

const name = { name: "name", label: "name", kind: "text" } as const;
const number = { name: "number", label: "number", kind: "text", required: true, onlyNew: true } as const;
const enabled = { name: "enabled", label: "enabled", kind: "check", initial: true } as const;
const overflow = { name: "overflow", label: "overflow", kind: "text", hint: "overflowHint" } as const;
const refusals = [
  ["unavailable", "refusalUnavailable"],
  ["busy", "refusalBusy"],
  ["rejected", "refusalRejected"],
  ["unallocated", "refusalUnallocated"],
] as [string, Word][];

export const extension = noun<"NewExtension">({
  path: "/v1/admin/extensions",
  key: "extension",
  title: "extension",
  add: "newExtension",
  may: "extension:write",
  fields: [
    { name: "extension", label: "number", kind: "text", required: true, onlyNew: true },
    name,
    { name: "max_calls", label: "maxCalls", kind: "number" },
    { name: "ring_timeout_s", label: "ringTimeout", kind: "number" },
    { name: "hotline", label: "presents", kind: "text", hint: "presentsDefault", nullable: true },
    {
      name: "recording",
      label: "recordCalls",
      kind: "choice",
      initial: "null",
      options: [[null, "recordDefault"], [true, "yes"], [false, "no"]],
    },
    { name: "forward_always", label: "forwardAlways", kind: "text", hint: "forwardHint" },
    { name: "forward_busy", label: "forwardBusy", kind: "text" },
    { name: "forward_no_answer", label: "forwardNoAnswer", kind: "text" },
    { name: "forward_unreachable", label: "forwardUnreachable", kind: "text" },
    { name: "password", label: "sipPassword", kind: "secret", hint: "sipPasswordHint" },
    enabled,
    { name: "do_not_disturb", label: "doNotDisturb", kind: "check" },
  ],
});

export const device = noun<"NewDevice">({
  path: "/v1/admin/devices",
  key: "account",
  title: "device",
  add: "newDevice",
  may: "extension:write",
  fields: [
    { name: "extension", label: "extension", kind: "text", required: true, onlyNew: true },
    { name: "name", label: "name", kind: "text", hint: "deviceNameHint", required: true, onlyNew: true },
    {
      name: "kind",
      label: "deviceKind",
      kind: "choice",
      initial: "sip",
      options: [["sip", "deviceSip"], ["browser", "deviceBrowser"]],
    },
    { name: "max_contacts", label: "maxContacts", kind: "number" },
    { name: "mac", label: "mac", kind: "text", hint: "macHint" },
    { name: "password", label: "sipPassword", kind: "secret", hint: "sipPasswordHint" },
    { name: "srtp_required", label: "srtpRequired", kind: "check" },
  ],
});

export const user = noun<"NewUser">({
  path: "/v1/admin/users",
  key: "username",
  title: "user",
  add: "newUser",
  may: "user:write",
  fields: [
    { name: "username", label: "username", kind: "text", hint: "keyUserHint", required: true, onlyNew: true },
    {
      name: "level",
      label: "level",
      kind: "choice",
      initial: "agent",
      options: [["agent", "levelAgent"], ["supervisor", "levelSupervisor"], ["admin", "levelAdmin"]],
    },
    { name: "password", label: "password", kind: "secret", hint: "sipPasswordHint" },
    enabled,
  ],
});

export const hotline = noun<"NewHotline">({
  path: "/v1/admin/hotlines",
  key: "number",
  title: "hotline",
  add: "newHotline",
  may: "routing:write",
  fields: [
    number,
    { name: "trunk", label: "trunk", kind: "text", required: true, onlyNew: true },
    name,
    { name: "destination", label: "destination", kind: "text", hint: "destinationHint" },
    { name: "hours", label: "hoursPlan", kind: "text", hint: "hoursHint", nullable: true },
    { name: "closed_destination", label: "closedDestination", kind: "text", hint: "closedHint" },
    { name: "closed_cause", label: "closedCause", kind: "choice", initial: "unavailable", options: refusals },
    { name: "is_default", label: "isDefault", kind: "check" },
    enabled,
  ],
});

export const ringGroup = noun<"NewRingGroup">({
  path: "/v1/admin/ring-groups",
  key: "number",
  title: "ringGroup",
  add: "newRingGroup",
  may: "routing:write",
  fields: [
    number,
    name,
    {
      name: "strategy",
      label: "strategy",
      kind: "choice",
      initial: "ring_all",
      options: [
        ["ring_all", "strategyRingAll"],
        ["sequential", "strategySequential"],
        ["round_robin", "strategyRoundRobin"],
      ],
    },
    { name: "members", label: "members", kind: "words", hint: "membersHint" },
    { name: "ring_timeout_s", label: "ringTimeout", kind: "number" },
    { name: "timeout_s", label: "overflowAfter", kind: "number" },
    overflow,
  ],
});

export const queue = noun<"NewQueue">({
  path: "/v1/admin/queues",
  key: "number",
  title: "queue",
  add: "newQueue",
  may: "routing:write",
  fields: [
    number,
    name,
    { name: "agents", label: "agents", kind: "words", hint: "membersHint" },
    { name: "ring_timeout_s", label: "ringTimeout", kind: "number" },
    { name: "wrap_up_s", label: "wrapUp", kind: "number" },
    { name: "no_answer_delay_s", label: "noAnswerDelay", kind: "number" },
    { name: "moh_class", label: "holdMusic", kind: "text", hint: "holdMusicHint" },
    { name: "service_level_s", label: "answeredWithin", kind: "number", hint: "answeredWithinHint" },
    { name: "timeout_s", label: "overflowAfter", kind: "number" },
    overflow,
  ],
});

export const menu = noun<"NewMenu">({
  path: "/v1/admin/menus",
  key: "number",
  title: "voiceMenu",
  add: "newMenu",
  may: "routing:write",
  fields: [
    number,
    name,
    { name: "prompt", label: "prompt", kind: "text", hint: "promptHint" },
    { name: "invalid_prompt", label: "invalidPrompt", kind: "text" },
    { name: "keys", label: "keys", kind: "lines", hint: "keysHint" },
    { name: "timeout_s", label: "keyTimeout", kind: "number" },
    { name: "retries", label: "retries", kind: "number" },
    overflow,
    { name: "direct_dialling", label: "directDialling", kind: "check" },
  ],
});

export const hoursPlan = noun<"NewHoursPlan">({
  path: "/v1/admin/hours-plans",
  key: "name",
  title: "hoursPlan",
  add: "newHoursPlan",
  may: "routing:write",
  fields: [
    { ...name, required: true, onlyNew: true },
    { name: "weekly", label: "weekly", kind: "lines", hint: "weeklyHint" },
    { name: "holidays", label: "holidays", kind: "lines", hint: "holidaysHint" },
    {
      name: "override",
      label: "override",
      kind: "choice",
      initial: "",
      options: [["", "overrideNone"], ["open", "overrideOpen"], ["closed", "overrideClosed"]],
    },
    { name: "override_until", label: "overrideUntil", kind: "moment", hint: "overrideUntilHint" },
  ],
});

export const caller = noun<"NewCaller">({
  path: "/v1/admin/callers",
  key: "caller",
  title: "callerRule",
  add: "newCaller",
  may: "routing:write",
  fields: [
    { name: "caller", label: "callerRule", kind: "text", hint: "callerRuleHint", required: true, onlyNew: true },
    {
      name: "action",
      label: "action",
      kind: "choice",
      initial: "block",
      options: [["block", "callerBlock"], ["allow", "callerAllow"], ["route", "callerRoute"]],
    },
    { name: "destination", label: "destination", kind: "text", hint: "callerDestinationHint" },
    { name: "answer", label: "closedCause", kind: "choice", initial: "rejected", options: refusals },
    { name: "hotlines", label: "hotlines", kind: "words", hint: "callerHotlinesHint" },
    { name: "note", label: "note", kind: "text" },
  ],
});
