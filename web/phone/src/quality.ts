// The quality of a call's audio, from two readings of RTCPeerConnection.getStats().

export interface Reading {
  readonly at: number; // milliseconds
  readonly received: number; // packets
  readonly lost: number;
  readonly jitter: number; // seconds
  readonly roundTrip: number; // seconds; 0: unknown
}

export interface Quality {
  readonly loss: number; // 0 to 1, of what was sent to us since the reading before
  readonly jitterMs: number;
  readonly roundTripMs: number;
  readonly rating: "good" | "fair" | "poor" | "silent";
}

export function reading(report: Iterable<readonly [string, Record<string, unknown>]>, at: number): Reading {
  let received = 0, lost = 0, jitter = 0, roundTrip = 0;
  for (const [, one] of report) {
    if (one.type === "inbound-rtp" && one.kind === "audio") {
      received += number(one.packetsReceived);
      lost += number(one.packetsLost);
      jitter = Math.max(jitter, number(one.jitter));
    }
    if (one.type === "candidate-pair" && one.nominated === true) roundTrip = number(one.currentRoundTripTime);
  }
  return { at, received, lost, jitter, roundTrip };
}

export function between(before: Reading, now: Reading): Quality {
  const received = now.received - before.received;
  const lost = Math.max(0, now.lost - before.lost);
  const loss = received + lost > 0 ? lost / (received + lost) : 0;
  const jitterMs = Math.round(now.jitter * 1000), roundTripMs = Math.round(now.roundTrip * 1000);
  return { loss, jitterMs, roundTripMs, rating: received > 0 ? rate(loss, jitterMs, roundTripMs) : "silent" };
}

// Where people begin to complain: ITU-T G.114 for the delay, G.113 for the loss.
function rate(loss: number, jitterMs: number, roundTripMs: number): Quality["rating"] {
  if (loss > 0.05 || jitterMs > 60 || roundTripMs > 500) return "poor";
  if (loss > 0.01 || jitterMs > 30 || roundTripMs > 300) return "fair";
  return "good";
}

const number = (value: unknown): number => (typeof value === "number" ? value : 0);
