// What a page with a browser phone does, once with JsSIP and once with SIP.js, for tests to call.
import JsSIP from "jssip";
import * as SIP from "sip.js";

const audio = new AudioContext();

// A microphone that gives one tone.
const tone = (hertz) => {
  const oscillator = new OscillatorNode(audio, { frequency: hertz });
  const volume = new GainNode(audio, { gain: 0.3 });
  const out = new MediaStreamAudioDestinationNode(audio);
  oscillator.connect(volume).connect(out);
  oscillator.start();
  return out.stream;
};

// Hears the other side: the strength of a tone, 0 to 255.
class Ear {
  constructor(connection) {
    this.analyser = new AnalyserNode(audio, { fftSize: 4096, smoothingTimeConstant: 0 });
    const listen = (track) => {
      const stream = new MediaStream([track]);
      this.element = new Audio();
      this.element.srcObject = stream; // else Chromium gives no samples
      this.element.muted = true;
      this.element.play();
      new MediaStreamAudioSourceNode(audio, { mediaStream: stream }).connect(this.analyser);
    };
    connection.addEventListener("track", ({ track }) => listen(track));
    connection.getReceivers().forEach(({ track }) => track && listen(track));
  }
  strength(hertz) {
    const bins = new Uint8Array(this.analyser.frequencyBinCount);
    this.analyser.getByteFrequencyData(bins);
    const at = Math.round((hertz * this.analyser.fftSize) / audio.sampleRate);
    const near = Math.max(...bins.slice(at - 1, at + 2));
    const elsewhere = Math.max(...bins.slice(at + 8, at + 12), ...bins.slice(Math.max(0, at - 12), at - 8));
    return near > elsewhere + 40 ? near : 0;
  }
}

// What colleagues who are watched do (RFC 4235), by number.
window.lamps = {};
const show = (number, body) => (lamps[number] = /<state>(\w+)<\/state>/.exec(body ?? "")?.[1]);

class JsSipPhone {
  constructor({ server, user, domain, password, hertz }) {
    this.calls = [];
    this.registrations = 0;
    this.tone = tone(hertz);
    this.domain = domain;
    this.ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(server)],
      uri: `sip:${user}@${domain}`,
      password,
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: 2,
    });
    this.ua.on("registered", () => (this.registrations += 1));
    this.ua.on("registrationFailed", ({ response, cause }) => console.log(cause, String(response)));
    this.ua.on("disconnected", ({ code, reason }) => console.log("disconnected", code, reason));
    this.ua.on("newRTCSession", ({ session }) => {
      this.calls.push(session);
      if (session.connection) session.ear = new Ear(session.connection);
      session.on("peerconnection", ({ peerconnection }) => (session.ear = new Ear(peerconnection)));
      session.on("accepted", () => (session.is = "answered"));
      session.on("ended", () => (session.is = "over"));
      session.on("failed", ({ cause }) => ((session.is = "over"), (session.cause = cause)));
    });
    this.media = { mediaStream: this.tone, mediaConstraints: { audio: true, video: false }, pcConfig: { iceServers: [] } };
    this.ua.start();
  }
  call(number) {
    const session = this.ua.call(`sip:${number}@${this.domain}`, this.media);
    if (!session.ear) session.ear = new Ear(session.connection);
  }
  answer(at) { this.calls[at].answer(this.media); }
  hangUp(at) { this.calls[at].terminate(); }
  hold(at) { this.calls[at].hold(); }
  resume(at) { this.calls[at].unhold(); }
  keys(at, digits) { this.calls[at].sendDTMF(digits, { transportType: "RFC2833" }); }
  transfer(at, number) { this.calls[at].refer(`sip:${number}@${this.domain}`); }
  transferTo(at, number, other) {
    this.calls[at].refer(`sip:${number}@${this.domain}`, { replaces: this.calls[other] });
  }
  // A re-INVITE with new ICE credentials, as after a change of the network.
  restartIce(at) {
    return new Promise((done) =>
      this.calls[at].renegotiate({ rtcOfferConstraints: { offerToReceiveAudio: true, iceRestart: true } }, () => done(true)));
  }
  watch(number) {
    const uri = `sip:${number}@${this.domain}`;
    const lamp = this.ua.subscribe(uri, "dialog", "application/dialog-info+xml", { expires: 600 });
    lamp.on("notify", (_isFinal, _request, body) => show(number, body));
    lamp.on("terminated", () => (lamps[number] = "unwatched"));
    lamp.subscribe();
    this.lamp = lamp;
  }
  unwatch() { this.lamp.terminate(); }
  connection(at) { return this.calls[at].connection; }
  ice(at) { return this.connection(at).iceConnectionState; }
}

class SipJsPhone {
  constructor({ server, user, domain, password, hertz }) {
    this.calls = [];
    this.registrations = 0;
    this.domain = domain;
    this.agent = new SIP.UserAgent({
      uri: SIP.UserAgent.makeURI(`sip:${user}@${domain}`),
      authorizationUsername: user,
      authorizationPassword: password,
      transportOptions: { server },
      contactName: user,
      contactParams: { transport: "wss" },
      logBuiltinEnabled: false,
      // a new one for each call: SIP.js stops it at the call's end
      sessionDescriptionHandlerFactory: SIP.Web.defaultSessionDescriptionHandlerFactory(async () => tone(hertz)),
      sessionDescriptionHandlerFactoryOptions: { peerConnectionConfiguration: { iceServers: [] } },
      delegate: {
        onInvite: (session) => this.keep(session),
        onConnect: () => registerer.register({ requestDelegate: { onAccept: () => (this.registrations += 1) } }),
        onDisconnect: (error) => error && this.reconnect(),
      },
    });
    const registerer = new SIP.Registerer(this.agent);
    this.agent.start();
  }
  reconnect() {
    setTimeout(() => this.agent.reconnect().catch(() => this.reconnect()), 1000);
  }
  keep(session) {
    this.calls.push(session);
    session.delegate = {
      onSessionDescriptionHandler: (handler) => (session.ear = new Ear(handler.peerConnection)),
    };
    session.stateChange.addListener((state) => {
      if (state === SIP.SessionState.Established) session.is = "answered";
      if (state === SIP.SessionState.Terminated) session.is = "over";
    });
  }
  target(number) { return SIP.UserAgent.makeURI(`sip:${number}@${this.domain}`); }
  call(number) {
    const session = new SIP.Inviter(this.agent, this.target(number));
    this.keep(session);
    session.invite();
  }
  answer(at) { this.calls[at].accept(); }
  hangUp(at) { return this.calls[at].bye().then(() => true); }
  hold(at) { this.offer(at, true); }
  resume(at) { this.offer(at, false); }
  offer(at, hold) {
    this.calls[at].sessionDescriptionHandlerOptionsReInvite = { hold };
    this.calls[at].invite();
  }
  keys(at, digits) { this.calls[at].sessionDescriptionHandler.sendDtmf(digits); }
  transfer(at, number) { this.calls[at].refer(this.target(number)); }
  transferTo(at, _number, other) { this.calls[at].refer(this.calls[other]); }
  restartIce(at) {
    this.calls[at].sessionDescriptionHandlerOptionsReInvite = { hold: false, offerOptions: { iceRestart: true } };
    return new Promise((done) => this.calls[at].invite({ requestDelegate: { onAccept: () => done(true) } }));
  }
  watch(number) {
    this.lamp = new SIP.Subscriber(this.agent, this.target(number), "dialog", { expires: 600 });
    this.lamp.delegate = {
      onNotify: (notification) => notification.accept().then(() => show(number, notification.request.body)),
    };
    this.lamp.stateChange.addListener((state) => {
      if (state === SIP.SubscriptionState.Terminated) lamps[number] = "unwatched";
    });
    this.lamp.subscribe();
  }
  unwatch() { this.lamp.unsubscribe(); }
  connection(at) { return this.calls[at].sessionDescriptionHandler.peerConnection; }
  ice(at) { return this.connection(at).iceConnectionState; }
}

window.open_phone = async (library, settings) => {
  await audio.resume();
  window.phone = library === "jssip" ? new JsSipPhone(settings) : new SipJsPhone(settings);
};
window.close_phone = () => (phone.ua ? phone.ua.stop() : phone.agent.stop());
// The ICE user names of both sides of a call.
window.fragments = (at) => {
  const { localDescription, remoteDescription } = phone.connection(at);
  return [localDescription, remoteDescription].map(({ sdp }) => /a=ice-ufrag:(\S+)/.exec(sdp)[1]);
};
window.states = () => phone.calls.map((call) => call.is || "rings");
