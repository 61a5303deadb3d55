// Signing in where the phone is a page of the PBX itself.
import { text, type Language } from "@tongdai/phone/texts.ts";

import { h } from "./html.ts";

export function signInForm(base: string, language: Language, done: () => void): HTMLElement {
  const username = h("input", { name: "username", autocomplete: "username", required: true });
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
  const said = h("p", { role: "alert" });
  const submit = async (event: Event) => {
    event.preventDefault();
    const answer = await fetch(`${base}/v1/session`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Accept-Language": language, "X-Requested-With": "tongdai" },
      body: JSON.stringify({ username: username.value, password: password.value }),
    }).catch(() => null);
    if (answer?.ok) return done();
    const refused = (await answer?.json().catch(() => null)) as { message?: string } | null;
    said.textContent = refused?.message ?? text(language, "lost"); // what was typed stays
    password.select();
  };
  return h("form", { class: "sign-in", submit }, h("label", {}, text(language, "username"), username), h("label", {}, text(language, "password"), password),
    said, h("button", { type: "submit", class: "text" }, text(language, "signIn")));
}
