import { t, type Word } from "../words/index.svelte";
import { api, ended, scope, take, type Schemas } from "./api";

export type Me = Schemas["Me"];
export type Permission = Me["permissions"][number];
const KEPT = "domain";

/** Who is signed in. `me` undefined: that is not known yet; null: nobody. */
class Session {
  me = $state.raw<Me | null>();
  hasExpired = $state(false);
  domain = $state("");

  constructor() {
    ended.tell = () => {
      this.hasExpired = this.me !== null;
    };
  }

  async begin(): Promise<void> {
    const found = await api.GET("/v1/session").catch(() => undefined);
    if (!found) throw new Error("offline");
    await this.#is(found.data ?? null);
  }

  /** By the secret of a link for developers, in place of whoever was signed in. */
  async open(secret: string): Promise<void> {
    await this.#is(await take(api.POST("/v1/session/link", { body: { secret } })));
  }

  async signIn(username: string, password: string, code: string): Promise<void> {
    const before = this.me?.username;
    const me = await take(api.POST("/v1/session", { body: { username, password, code } }));
    if (before && before !== me.username) location.reload();
    await this.#is(me);
    this.hasExpired = false;
  }

  async signOut(): Promise<void> {
    await take(api.DELETE("/v1/session"));
    this.#forget();
  }

  async signOutEverywhere(): Promise<void> {
    await take(api.DELETE("/v1/sessions"));
    this.#forget();
  }

  may(permission: Permission): boolean {
    return this.me?.permissions.includes(permission) ?? false;
  }

  get isOperator(): boolean {
    return this.me?.level === "operator";
  }

  /** An operator looks at that domain from now on. */
  async lookAt(domain: string): Promise<void> {
    scope.domain = domain;
    const found = await api.GET("/v1/session");
    if (!found.data) scope.domain = "";
    localStorage.setItem(KEPT, scope.domain);
    this.domain = scope.domain;
    if (found.data) this.me = found.data;
  }

  async #is(me: Me | null): Promise<void> {
    this.me = me;
    if (me?.level !== "operator") {
      this.domain = me?.domain ?? "";
      return;
    }
    const kept = localStorage.getItem(KEPT) ?? "";
    if (kept && !scope.domain) await this.lookAt(kept);
  }

  #forget(): void {
    scope.domain = this.domain = "";
    this.me = null;
    this.hasExpired = false;
  }
}

export const session = new Session();

const levels: { [level: string]: Word } = {
  admin: "levelAdmin",
  supervisor: "levelSupervisor",
  agent: "levelAgent",
  operator: "levelOperator",
  developer: "levelDeveloper",
};
export const levelText = (level: string) => (levels[level] ? t(levels[level]) : level);
