import { Loaded } from "./loaded.svelte";

interface Part<T, C> {
  data: readonly T[];
  /** Where the next part begins; missing, "" or null: this was the last one. */
  next_cursor?: C | "" | null;
}

/** A list that comes in parts, with a text by which it is searched. */
export class Listed<T, C extends string | number = string> {
  search = $state("");
  readonly parts: Loaded<Part<T, C>>;
  readonly #part: (cursor: C | undefined, search: string | undefined) => Promise<Part<T, C>>;

  constructor(part: (cursor: C | undefined, search: string | undefined) => Promise<Part<T, C>>) {
    this.#part = part;
    this.parts = new Loaded(() => part(undefined, this.#wanted));
  }

  /** From its beginning. */
  load = (): Promise<void> => this.parts.load();

  /** The next part, after those that are there. */
  more = async (): Promise<void> => {
    const before = this.parts.data!;
    const next = await this.#part(before.next_cursor as C, this.#wanted);
    if (this.parts.data !== before) return; // it was loaded anew
    this.parts.data = { ...next, data: [...before.data, ...next.data] };
  };

  get #wanted(): string | undefined {
    return this.search.trim() || undefined;
  }
}
