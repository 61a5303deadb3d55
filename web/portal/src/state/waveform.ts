/** The loudness of each channel of a recording, so many times from its beginning to its end. */
export interface Waveform {
  seconds: number;
  channels: Float32Array[];
}

/** Loads and measures a recording. Throws if it cannot be read. */
export async function waveform(url: string, columns: number): Promise<Waveform> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(String(answer.status));
  const context = new OfflineAudioContext(1, 1, 8000);
  const audio = await context.decodeAudioData(await answer.arrayBuffer());
  const channels = Array.from({ length: audio.numberOfChannels }, (_, channel) =>
    peaks(audio.getChannelData(channel), columns),
  );
  return { seconds: audio.duration, channels };
}

function peaks(samples: Float32Array, columns: number): Float32Array {
  const found = new Float32Array(columns);
  const wide = samples.length / columns;
  for (let column = 0; column < columns; column++) {
    let loudest = 0;
    for (let at = Math.floor(column * wide); at < Math.floor((column + 1) * wide); at++) {
      loudest = Math.max(loudest, Math.abs(samples[at] ?? 0));
    }
    found[column] = loudest;
  }
  return found;
}

/** Draws it, a band for each channel: what was played in one colour, the rest in another. Only the
 *  chosen channel is strong; null: all are. */
export function draw(
  canvas: HTMLCanvasElement,
  wave: Waveform,
  played: number,
  colours: { played: string; rest: string },
  chosen: number | null,
): void {
  const { width, height } = canvas;
  const context = canvas.getContext("2d")!;
  context.clearRect(0, 0, width, height);
  const band = height / wave.channels.length;
  const loudest = Math.max(0.05, ...wave.channels.map((one) => Math.max(...one)));
  wave.channels.forEach((channel, index) => {
    context.globalAlpha = chosen === null || chosen === index ? 1 : 0.3;
    const step = width / channel.length;
    channel.forEach((value, column) => {
      const tall = Math.max(2, (value / loudest) * (band - 6));
      context.fillStyle = column / channel.length < played ? colours.played : colours.rest;
      context.fillRect(column * step, band * (index + 0.5) - tall / 2, step * 0.65, tall);
    });
  });
}
