/** Lets one side of a recording be heard, in both ears; at first all of it is heard. */
export class Sides {
  readonly #audio: HTMLAudioElement;
  #nodes?: { source: AudioNode; splitter: AudioNode; mono: AudioNode; context: AudioContext };

  constructor(audio: HTMLAudioElement) {
    this.#audio = audio;
  }

  /** The channel is heard from now on; null: all of them. */
  hear(channel: number | null): void {
    if (channel === null && !this.#nodes) return;
    const { source, splitter, mono, context } = (this.#nodes ??= this.#built());
    source.disconnect();
    splitter.disconnect();
    if (channel === null) {
      source.connect(context.destination);
    } else {
      source.connect(splitter);
      splitter.connect(mono, channel);
    }
    void context.resume();
  }

  end(): void {
    void this.#nodes?.context.close();
  }

  #built() {
    const context = new AudioContext();
    const mono = context.createGain();
    mono.connect(context.destination);
    const source = context.createMediaElementSource(this.#audio);
    return { context, source, mono, splitter: context.createChannelSplitter(2) };
  }
}
