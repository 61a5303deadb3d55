import Activity from "@lucide/svelte/icons/activity";
import ChartColumn from "@lucide/svelte/icons/chart-column";
import CircleUser from "@lucide/svelte/icons/circle-user";
import List from "@lucide/svelte/icons/list";
import Route from "@lucide/svelte/icons/route";
import ScrollText from "@lucide/svelte/icons/scroll-text";
import Server from "@lucide/svelte/icons/server";
import Users from "@lucide/svelte/icons/users";
import Webhook from "@lucide/svelte/icons/webhook";
import type { Component } from "svelte";
import type { Permission } from "./state/session.svelte";
import type { Word } from "./words/index.svelte";

export interface Page {
  /** As in PAGES of tongdai/portal/serving.py. */
  path: string;
  title: Word;
  icon: Component<{ size?: number; "aria-hidden"?: "true" }>;
  may: Permission;
  /** Whether it shows one domain, which an operator has to choose. */
  ofDomain: boolean;
  load: () => Promise<{ default: Component }>;
}

export const pages: Page[] = [
  {
    path: "/",
    title: "now",
    icon: Activity,
    may: "call:read",
    ofDomain: true,
    load: () => import("./pages/Now.svelte"),
  },
  {
    path: "/calls",
    title: "calls",
    icon: List,
    may: "cdr:read",
    ofDomain: true,
    load: () => import("./pages/Calls.svelte"),
  },
  {
    path: "/reports",
    title: "reports",
    icon: ChartColumn,
    may: "cdr:read",
    ofDomain: true,
    load: () => import("./pages/Reports.svelte"),
  },
  {
    path: "/people",
    title: "people",
    icon: Users,
    may: "extension:read",
    ofDomain: true,
    load: () => import("./pages/People.svelte"),
  },
  {
    path: "/routing",
    title: "routing",
    icon: Route,
    may: "routing:read",
    ofDomain: true,
    load: () => import("./pages/Routing.svelte"),
  },
  {
    path: "/developers",
    title: "developers",
    icon: Webhook,
    may: "event:read",
    ofDomain: true,
    load: () => import("./pages/Developers.svelte"),
  },
  {
    path: "/audit",
    title: "audit",
    icon: ScrollText,
    may: "audit:read",
    ofDomain: true,
    load: () => import("./pages/Audit.svelte"),
  },
  {
    path: "/operator",
    title: "operator",
    icon: Server,
    may: "domain:operate",
    ofDomain: false,
    load: () => import("./pages/Operator.svelte"),
  },
  {
    path: "/account",
    title: "account",
    icon: CircleUser,
    may: "account:write",
    ofDomain: false,
    load: () => import("./pages/Account.svelte"),
  },
];

/** The page at that path. */
export function pageAt(path: string): Page | undefined {
  const first = `/${path.split("/")[1] ?? ""}`;
  return pages.find((page) => page.path === first);
}
