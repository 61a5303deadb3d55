import { Problem } from "./api";

/** What a page loads: its content, or what went wrong. Of two loads the later one counts. */
export class Loaded<T> {
  data = $state.raw<T>();
  problem = $state.raw<Problem>();
  isLoading = $state(true);
  #turn = 0;

  constructor(readonly ask: () => Promise<T>) {}

  load = async (): Promise<void> => {
    const turn = ++this.#turn;
    this.isLoading = true;
    try {
      const data = await this.ask();
      if (turn !== this.#turn) return;
      this.data = data;
      this.problem = undefined;
    } catch (reason) {
      if (turn !== this.#turn) return;
      this.problem = reason instanceof Problem ? reason : new Problem(0, "ERROR", "");
    }
    this.isLoading = false;
  };
}
