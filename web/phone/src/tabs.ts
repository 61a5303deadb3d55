// One tab of a browser has the phone; the others show what it does, and hand it what the user wants. When it is closed,
// another one takes its place.

export interface Messages<State, Wish> {
  readonly state: (state: State) => void; // of the tab that has the phone
  readonly wish: (wish: Wish) => void; // of another tab, to the one that has it
  readonly asked: () => State; // another tab has been opened
}

type Message<State, Wish> =
  | { readonly kind: "state"; readonly state: State }
  | { readonly kind: "wish"; readonly wish: Wish }
  | { readonly kind: "hello" };

export class Tabs<State, Wish> {
  isLeading = false;
  private readonly channel: BroadcastChannel;
  private readonly messages: Messages<State, Wish>;
  private release: () => void = () => {};
  private readonly waiting = new AbortController();

  // `lead` is called when this tab gets the phone.
  constructor(name: string, messages: Messages<State, Wish>, lead: () => void) {
    this.messages = messages;
    this.channel = new BroadcastChannel(name);
    this.channel.onmessage = ({ data }: MessageEvent<Message<State, Wish>>) => this.heard(data);
    const held = new Promise<void>((done) => (this.release = done));
    const leading = () => {
      this.isLeading = true;
      lead();
      return held;
    };
    navigator.locks.request(name, { signal: this.waiting.signal }, leading).catch(() => {}); // closed while it waited
    this.say({ kind: "hello" });
  }

  tell(state: State): void {
    this.say({ kind: "state", state });
  }

  ask(wish: Wish): void {
    this.say({ kind: "wish", wish });
  }

  close(): void {
    this.waiting.abort();
    this.release();
    this.channel.close();
  }

  private heard(message: Message<State, Wish>): void {
    if (message.kind === "state") this.messages.state(message.state);
    else if (!this.isLeading) return;
    else if (message.kind === "wish") this.messages.wish(message.wish);
    else this.tell(this.messages.asked());
  }

  private say(message: Message<State, Wish>): void {
    this.channel.postMessage(message);
  }
}
