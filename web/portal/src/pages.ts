import Activity from "@lucide/svelte/icons/activity";
import CircleUser from "@lucide/svelte/icons/circle-user";
import List from "@lucide/svelte/icons/list";
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
    path: "/account",
    title: "account",
    icon: CircleUser,
    may: "account:read",
    ofDomain: false,
    load: () => import("./pages/Account.svelte"),
  },
];

/** The page at that path. */
export function pageAt(path: string): Page | undefined {
  const first = `/${path.split("/")[1] ?? ""}`;
  return pages.find((page) => page.path === first);
}
