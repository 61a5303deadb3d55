// The SIP part: JsSIP carries out acts, and tells events. It is a file of its own, loaded when the phone is wanted.
import JsSIP from "jssip";
import type { RTCSession } from "jssip/lib/RTCSession";
import type { RTCSessionEvent, UA } from "jssip/lib/UA";

import { microphone, type Chosen } from "./audio.ts";
import { Refused, type Credentials } from "./access.ts";
import { ofHeader, ofStatus } from "./reasons.ts";
import type { Act, Event } from "./state.ts";

const BROKEN_S = 3; // so long may the path of audio be away before it counts
const GATHER_MS = 500; // for the next ICE candidate

export interface SipLine {
  start(): void;
  renew(credentials: Credentials): void; // register with these
  act(act: Act): Promise<void>;
  reconnect(): void; // the network has changed
  choose(chosen: Chosen): Promise<void>;
  stream(call: string): MediaStream | null; // what the microphone gives to the call
  stats(call: string): Promise<RTCStatsReport | null>;
  stop(): void;
}

// The kind of socket that JsSIP wants, with one thing more: it can be given up without waiting for its end.
class Socket extends JsSIP.WebSocketInterface {
  giveUp(): void {
    this.disconnect();
    this.ondisconnect(true, 4000, "the network has changed");
  }
}

interface Talk {
  session: RTCSession;
  audio: HTMLAudioElement;
  microphone: MediaStream | null;
  timer: number;
}

export function open(credentials: Credentials, chosen: Chosen, tell: (event: Event) => void): SipLine {
  return new Line(credentials, chosen, tell);
}

class Line implements SipLine {
  private readonly talks = new Map<string, Talk>();
  private readonly socket: Socket;
  private readonly ua: UA;
  private credentials: Credentials;
  private chosen: Chosen;
  private readonly tell: (event: Event) => void;

  constructor(credentials: Credentials, chosen: Chosen, tell: (event: Event) => void) {
    this.credentials = credentials;
    this.chosen = chosen;
    this.tell = tell;
    this.socket = new Socket(credentials.websocket_url);
    this.ua = new JsSIP.UA({
      sockets: [this.socket],
      uri: credentials.uri,
      authorization_user: credentials.username,
      password: credentials.password,
      display_name: credentials.name,
      register_expires: 300,
      session_timers: false,
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: 8,
    });
    this.ua.on("connecting", () => tell({ is: "line", line: "connecting" }));
    this.ua.on("registered", () => tell({ is: "line", line: "ready" }));
    this.ua.on("disconnected", () => tell({ is: "line", line: "lost", problem: "no-connection" }));
    this.ua.on("registrationFailed", ({ response }) => {
      if (response) tell({ is: "line", line: "refused", problem: "cannot-register", detail: String(response.status_code) });
    });
    this.ua.on("newRTCSession", ({ originator, session, request }: RTCSessionEvent) => {
      if (originator !== "remote") return;
      const id = this.keep(session.id, session, null);
      const from = request.from;
      const name = from.display_name && from.display_name !== from.uri.user ? from.display_name : "";
      tell({ is: "incoming", call: id, number: from.uri.user, name, at: Date.now() });
    });
  }

  start(): void {
    this.ua.start();
  }

  renew(credentials: Credentials): void {
    this.credentials = credentials;
    this.ua.set("authorization_user", credentials.username);
    this.ua.set("password", credentials.password);
    if (this.ua.isConnected()) this.ua.register();
  }

  reconnect(): void {
    if (this.socket.isConnected() || this.socket.isConnecting()) this.socket.giveUp();
  }

  async choose(chosen: Chosen): Promise<void> {
    this.chosen = chosen;
    for (const talk of this.talks.values()) {
      await listenAt(talk.audio, chosen.speaker);
      if (!talk.microphone) continue;
      const next = await microphone(chosen.microphone);
      const track = next.getAudioTracks()[0] ?? null;
      if (track) track.enabled = talk.microphone.getAudioTracks()[0]?.enabled ?? true;
      await sender(talk.session)?.replaceTrack(track);
      stopped(talk.microphone);
      talk.microphone = next;
    }
  }

  stream(call: string): MediaStream | null {
    return this.talks.get(call)?.microphone ?? null;
  }

  async stats(call: string): Promise<RTCStatsReport | null> {
    return (await this.talks.get(call)?.session.connection?.getStats()) ?? null;
  }

  stop(): void {
    this.ua.stop(); // ends the calls, and the registration
    for (const talk of this.talks.values()) this.quiet(talk);
  }

  async act(act: Act): Promise<void> {
    if (act.act === "dial") return this.dial(act.call, act.number);
    const talk = this.talks.get(act.call);
    if (!talk) return;
    const session = talk.session;
    switch (act.act) {
      case "answer":
        return this.answer(act.call, talk);
      case "decline":
        return session.terminate({ status_code: 486, reason_phrase: "Busy Here" });
      case "end":
        if (!session.isEnded()) session.terminate();
        return;
      case "hold":
        session.hold();
        return;
      case "resume":
        session.unhold();
        return;
      case "mute":
        return session.mute({ audio: true });
      case "unmute":
        return session.unmute({ audio: true });
      case "key":
        return press(session, act.key);
      case "transfer":
        return this.refer(act.call, session, act.number);
      case "connect":
        return this.refer(act.call, session, this.talks.get(act.to)?.session.remote_identity.uri.user ?? "", act.to);
      case "repair":
        session.renegotiate({ rtcOfferConstraints: { offerToReceiveAudio: true, iceRestart: true } });
    }
  }

  private async dial(id: string, number: string): Promise<void> {
    const stream = await this.listened(id);
    if (!stream) return;
    const session = this.ua.call(`sip:${encodeURIComponent(number)}@${this.credentials.domain}`, this.media(stream));
    this.keep(id, session, stream);
  }

  private async answer(id: string, talk: Talk): Promise<void> {
    const stream = await this.listened(id);
    if (!stream) {
      if (!talk.session.isEnded()) talk.session.terminate({ status_code: 480 });
      return;
    }
    if (talk.session.isEnded()) return stopped(stream); // the caller gave up meanwhile
    talk.microphone = stream;
    talk.session.answer(this.media(stream));
  }

  // The microphone; null, and the call is over, when there is none.
  private async listened(id: string): Promise<MediaStream | null> {
    try {
      return await microphone(this.chosen.microphone);
    } catch (reason) {
      const problem = reason instanceof Refused ? reason.problem : "failed";
      this.tell({ is: "over", call: id, reason: "media" });
      this.tell({ is: "line", line: this.ua.isRegistered() ? "ready" : "lost", problem });
      return null;
    }
  }

  private media(stream: MediaStream) {
    const iceServers = this.credentials.iceServers as RTCIceServer[];
    return { mediaStream: stream, mediaConstraints: { audio: true, video: false }, pcConfig: { iceServers } };
  }

  private refer(id: string, session: RTCSession, number: string, replaced = ""): void {
    const replaces = this.talks.get(replaced)?.session;
    const done = (ok: boolean) => this.tell({ is: "transferred", call: id, done: ok });
    session.refer(`sip:${encodeURIComponent(number)}@${this.credentials.domain}`, {
      ...(replaces ? { replaces } : {}),
      eventHandlers: { requestFailed: () => done(false), accepted: () => done(true), failed: () => done(false) },
    });
  }

  private keep(id: string, session: RTCSession, stream: MediaStream | null): string {
    const talk: Talk = { session, audio: new Audio(), microphone: stream, timer: 0 };
    talk.audio.autoplay = true;
    this.talks.set(id, talk);
    void listenAt(talk.audio, this.chosen.speaker);
    if (session.connection) this.watch(id, talk, session.connection);
    session.on("peerconnection", ({ peerconnection }) => this.watch(id, talk, peerconnection));
    gatherShortly(session);
    session.on("progress", () => this.tell({ is: "progress", call: id }));
    session.on("accepted", () => this.tell({ is: "answered", call: id, at: Date.now() }));
    session.on("hold", ({ originator }) => this.tell({ is: originator === "local" ? "held" : "heldByThem", call: id, on: true }));
    session.on("unhold", ({ originator }) => this.tell({ is: originator === "local" ? "held" : "heldByThem", call: id, on: false }));
    session.on("ended", ({ cause }) => this.ended(id, talk, cause === JsSIP.C.causes.RTP_TIMEOUT ? "network" : ""));
    session.on("failed", ({ originator, message, cause }) => this.ended(id, talk, whyFailed(originator, message, cause)));
    return id;
  }

  private ended(id: string, talk: Talk, reason: ReturnType<typeof ofStatus>): void {
    this.quiet(talk);
    this.talks.delete(id);
    this.tell({ is: "over", call: id, reason });
  }

  private quiet(talk: Talk): void {
    clearTimeout(talk.timer);
    if (talk.microphone) stopped(talk.microphone);
    talk.audio.srcObject = null;
  }

  private watch(id: string, talk: Talk, connection: RTCPeerConnection): void {
    const hear = (track: MediaStreamTrack) => {
      talk.audio.srcObject = new MediaStream([track]);
    };
    connection.addEventListener("track", ({ track }) => hear(track));
    connection.getReceivers().forEach(({ track }) => hear(track));
    connection.addEventListener("iceconnectionstatechange", () => {
      clearTimeout(talk.timer);
      const is = connection.iceConnectionState;
      const broken = () => this.tell({ is: "broken", call: id, at: Date.now() });
      if (is === "connected" || is === "completed") this.tell({ is: "broken", call: id, at: 0 });
      else if (is === "failed") broken();
      else if (is === "disconnected") talk.timer = setTimeout(broken, BROKEN_S * 1000) as unknown as number;
    });
  }
}

type Message = { status_code?: number; getHeader?: (name: string) => string | undefined } | undefined;

function whyFailed(originator: string, message: Message, cause: string): ReturnType<typeof ofStatus> {
  if (message?.status_code) return ofStatus(message.status_code);
  if (cause === JsSIP.C.causes.CONNECTION_ERROR || cause === JsSIP.C.causes.REQUEST_TIMEOUT) return "network";
  if (cause === JsSIP.C.causes.CANCELED) return originator === "remote" ? ofHeader(message?.getHeader?.("Reason")) || "cancelled" : "";
  if (cause === JsSIP.C.causes.NO_ANSWER) return "no-answer";
  return originator === "local" ? "media" : "failed";
}

// JsSIP waits for every ICE candidate; a server that does not answer would delay each call by many seconds.
function gatherShortly(session: RTCSession): void {
  let timer = 0;
  session.on("icecandidate", ({ ready }) => {
    clearTimeout(timer);
    timer = setTimeout(ready, GATHER_MS) as unknown as number;
  });
}

// As RFC 4733, which needs DTLS: a moment after the answer.
async function press(session: RTCSession, key: string): Promise<void> {
  const dtmf = () => sender(session)?.dtmf;
  for (let waits = 0; waits < 50 && !dtmf()?.canInsertDTMF; waits += 1) await new Promise((done) => setTimeout(done, 100));
  const keys = dtmf();
  if (keys?.canInsertDTMF) keys.insertDTMF(keys.toneBuffer + key, 160, 70);
}

const sender = (session: RTCSession): RTCRtpSender | undefined =>
  session.connection?.getSenders().find((one) => one.track?.kind === "audio" || one.dtmf);

const stopped = (stream: MediaStream): void => stream.getTracks().forEach((track) => track.stop());

async function listenAt(audio: HTMLAudioElement, speaker: string): Promise<void> {
  if ("setSinkId" in audio) await audio.setSinkId(speaker).catch(() => {}); // it was unplugged: the browser's choice
}
