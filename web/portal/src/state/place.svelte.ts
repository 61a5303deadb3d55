/** The address of the page that is shown, and going to another one without a reload. */
class Place {
  path = $state(location.pathname);
  query = $state.raw(new URLSearchParams(location.search));

  constructor() {
    addEventListener("popstate", () => this.#read());
  }

  /** Shows that page. With `replace` the one before is not in the history. */
  go(url: string, replace = false): void {
    if (replace) history.replaceState(null, "", url);
    else history.pushState(null, "", url);
    this.#read();
    if (!replace) scrollTo(0, 0);
  }

  /** The part of the path after the page's own; "" if there is none. */
  under(page: string): string {
    return decodeURIComponent(this.path.slice(page.length).replace(/^\//, ""));
  }

  #read(): void {
    this.path = location.pathname;
    this.query = new URLSearchParams(location.search);
  }
}

export const place = new Place();

/** Links to pages of the portal do not load anew. */
export function follow(event: MouseEvent, isPage: (path: string) => boolean): void {
  const link = (event.target as Element).closest("a");
  const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
  if (!link || link.target || !isPlain || link.origin !== location.origin) return;
  if (!isPage(link.pathname)) return;
  event.preventDefault();
  place.go(link.pathname + link.search);
}
