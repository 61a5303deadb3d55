export type Theme = "system" | "light" | "dark";
const KEPT = "theme";

/** The appearance: the device's, until another is chosen. */
export const theme = $state<{ now: Theme }>({
  now: (localStorage.getItem(KEPT) as Theme | null) ?? "system",
});

export function show(chosen: Theme): void {
  theme.now = chosen;
  localStorage.setItem(KEPT, chosen);
  if (chosen === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}

show(theme.now);
