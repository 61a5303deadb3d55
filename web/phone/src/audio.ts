// Microphone, loudspeaker and bell.
import { Refused } from "./access.ts";

export interface Chosen {
  microphone: string; // deviceId; "": the browser's choice
  speaker: string;
}

// A stream of the microphone. Raises Refused when the user, or the browser, does not let us.
export async function microphone(deviceId: string): Promise<MediaStream> {
  const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  try {
    if (!navigator.mediaDevices) throw new DOMException("no secure context", "NotAllowedError");
    const wanted = deviceId ? { ...audio, deviceId: { exact: deviceId } } : audio;
    return await navigator.mediaDevices.getUserMedia({ audio: wanted });
  } catch (reason) {
    const name = reason instanceof DOMException ? reason.name : "";
    if (deviceId && (name === "OverconstrainedError" || name === "NotFoundError")) return microphone(""); // unplugged
    throw new Refused(name === "NotAllowedError" || name === "SecurityError" ? "microphone-refused" : "microphone-missing", String(reason));
  }
}

export interface Device {
  readonly id: string;
  readonly label: string;
}

export async function devices(kind: "audioinput" | "audiooutput"): Promise<readonly Device[]> {
  const known = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return known.filter((one) => one.kind === kind && one.deviceId).map((one) => ({ id: one.deviceId, label: one.label }));
}

// How loud a stream is, 0 to 1, now.
export class Meter {
  private readonly context = new AudioContext();
  private readonly analyser = new AnalyserNode(this.context, { fftSize: 512 });
  private readonly samples = new Float32Array(512);
  private readonly source: MediaStreamAudioSourceNode;

  constructor(stream: MediaStream) {
    this.source = this.context.createMediaStreamSource(stream);
    this.source.connect(this.analyser);
  }

  get level(): number {
    this.analyser.getFloatTimeDomainData(this.samples);
    const power = this.samples.reduce((sum, one) => sum + one * one, 0) / this.samples.length;
    return Math.min(1, Math.sqrt(power) * 4);
  }

  close(): void {
    this.source.disconnect();
    void this.context.close();
  }
}

// A bell without a file: two tones, a second in five; or a short one while somebody talks.
export class Bell {
  private context: AudioContext | null = null;
  private timer = 0;

  ring(how: "off" | "rings" | "waits"): void {
    clearInterval(this.timer);
    if (how === "off") {
      void this.context?.close();
      this.context = null;
      return;
    }
    this.context ??= new AudioContext();
    const strike = () => this.strike(how === "rings" ? 1 : 0.15);
    strike();
    this.timer = setInterval(strike, how === "rings" ? 3000 : 5000) as unknown as number;
  }

  private strike(seconds: number): void {
    if (!this.context) return;
    const volume = new GainNode(this.context, { gain: 0.08 });
    volume.connect(this.context.destination);
    for (const frequency of [440, 480]) {
      const tone = new OscillatorNode(this.context, { frequency });
      tone.connect(volume);
      tone.start();
      tone.stop(this.context.currentTime + seconds);
    }
  }
}
