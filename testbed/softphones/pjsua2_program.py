"""A phone made of pjsua2, as a program of its own: `python pjsua2_phone.py '{"user": ...}'`.

It reads commands from standard input, one JSON list a line, such as ["call", "sip:102@a.vn"], and
prints what happens, one JSON object a line. What it hears is in the WAV file `heard`. This file
imports nothing of ours: a library written in C++ may take the process down, never the tests.
"""

import json
import os
import select
import sys
from typing import Any

import pjsua2 as pj

RATE_HZ = 8_000
TRANSPORTS = {
    "udp": pj.PJSIP_TRANSPORT_UDP,
    "tcp": pj.PJSIP_TRANSPORT_TCP,
    "tls": pj.PJSIP_TRANSPORT_TLS,
}
HEARD = (pj.PJSUA_CALL_MEDIA_ACTIVE, pj.PJSUA_CALL_MEDIA_REMOTE_HOLD)
SRTP = {"": pj.PJMEDIA_SRTP_DISABLED, "required": pj.PJMEDIA_SRTP_MANDATORY}


def say(**happened: object) -> None:
    print(json.dumps(happened), flush=True)  # noqa: T201 -- read by softphones.py


class Call(pj.Call):  # type: ignore[misc]
    def __init__(self, phone: "Phone", id_: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(phone, id_)
        self.phone = phone

    def onCallState(self, _param: object) -> None:  # noqa: N802 -- the name that pjsua2 calls
        info = self.getInfo()
        say(call=self.getId(), state=info.stateText, status=info.lastStatusCode)

    def onCallMediaState(self, _param: object) -> None:  # noqa: N802 -- the name that pjsua2 calls
        info = self.getInfo()  # it owns what is read of it
        codecs = []
        for at, media in enumerate(info.media):
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status in HEARD:
                audio = self.getAudioMedia(at)
                self.phone.tone.startTransmit(audio)
                audio.startTransmit(self.phone.recorder)
                codecs.append(self.getStreamInfo(at).codecName)
        say(call=self.getId(), media=codecs)

    def onDtmfDigit(self, param: Any) -> None:  # noqa: N802 -- the name that pjsua2 calls
        say(call=self.getId(), digit=param.digit)

    def onCallTransferStatus(self, param: Any) -> None:  # noqa: N802 -- the name that pjsua2 calls
        say(call=self.getId(), transferred=param.statusCode)
        if param.finalNotify and param.statusCode == 200:
            self.hangup(answered(200))


class Colleague(pj.Buddy):  # type: ignore[misc]
    """Somebody whose presence is watched."""

    def __init__(self, number: str) -> None:
        super().__init__()
        self.number = number

    def onBuddyState(self) -> None:  # noqa: N802 -- the name that pjsua2 calls
        info = self.getInfo()  # it owns what is read of it
        say(colleague=self.number, shown=info.presStatus.statusText)


class Phone(pj.Account):  # type: ignore[misc]
    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__()
        self.calls: dict[int, Call] = {}
        self.colleagues: list[Colleague] = []
        self.domain: str = settings["domain"]
        self.tone = pj.ToneGenerator()
        self.tone.createToneGenerator(RATE_HZ, 1)
        tone = pj.ToneDesc()
        tone.freq1, tone.on_msec, tone.off_msec = settings["hertz"], 1_000, 0
        self.tone.play(pj.ToneDescVector([tone]), True)  # noqa: FBT003 -- of pjsua2
        self.recorder = pj.AudioMediaRecorder()
        self.recorder.createRecorder(settings["heard"])
        self.create(account(settings))

    def onRegState(self, param: Any) -> None:  # noqa: N802 -- the name that pjsua2 calls
        say(registered=param.code, expires=param.expiration)

    def onIncomingCall(self, param: Any) -> None:  # noqa: N802 -- the name that pjsua2 calls
        call = Call(self, param.callId)
        self.calls[call.getId()] = call
        call.answer(answered(180))
        say(call=call.getId(), incoming=call.getInfo().remoteUri)

    def do(self, what: str, *with_: Any) -> None:
        if what == "call":
            call = Call(self)
            call.makeCall(with_[0], answered())
            self.calls[call.getId()] = call
        elif what == "register":
            self.setRegistration(bool(with_[0]))
        elif what == "watch":
            self.watch(with_[0])
        else:
            self.on_call(self.calls[with_[0]], what, *with_[1:])

    def watch(self, number: str) -> None:
        config = pj.BuddyConfig()
        config.uri, config.subscribe = f"sip:{number}@{self.domain}", True
        colleague = Colleague(number)
        colleague.create(self, config)
        self.colleagues.append(colleague)

    def on_call(self, call: Call, what: str, *with_: Any) -> None:
        if what == "answer":
            call.answer(answered(200))
        elif what == "hang_up":
            call.hangup(answered(603 if call.getInfo().lastStatusCode < 200 else 200))
        elif what == "hold":
            call.setHold(answered())
        elif what == "resume":
            again = answered()
            again.opt.flag |= pj.PJSUA_CALL_UNHOLD
            call.reinvite(again)
        elif what == "dial":
            call.dialDtmf(with_[0])
        elif what == "transfer":
            call.xfer(with_[0], answered())
        elif what == "join":
            call.xferReplaces(self.calls[with_[0]], answered())


def answered(status: int = 0) -> Any:
    made = pj.CallOpParam(True)  # noqa: FBT003 -- of pjsua2
    made.statusCode = status
    return made


def account(settings: dict[str, Any]) -> Any:
    user, domain, transport = settings["user"], settings["domain"], settings["transport"]
    made = pj.AccountConfig()
    made.idUri = f"sip:{user}@{domain}"
    made.regConfig.registrarUri = f"sip:{domain}"
    made.regConfig.timeoutSec = 300
    made.sipConfig.proxies = pj.StringVector(
        [f"sip:{settings['server']};transport={transport};lr"]
    )
    made.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, settings["password"]))
    made.mediaConfig.srtpUse = SRTP[settings["srtp"]]
    made.mediaConfig.srtpSecureSignaling = 0
    address = settings["address"]
    made.mediaConfig.transportConfig.boundAddress = address
    made.mediaConfig.transportConfig.port = 0
    made.natConfig.sdpNatRewriteUse = 0
    made.natConfig.contactRewriteUse = 0
    return made


def opened(settings: dict[str, Any]) -> Any:
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.uaConfig.threadCnt, config.uaConfig.mainThreadOnly = 0, True
    config.logConfig.level, config.logConfig.consoleLevel = 5, 0
    config.logConfig.filename = settings["log"]
    config.logConfig.msgLogging = 1
    config.medConfig.clockRate = config.medConfig.sndClockRate = RATE_HZ
    config.medConfig.noVad, config.medConfig.ecTailLen = True, 0
    endpoint.libInit(config)
    transport = pj.TransportConfig()
    transport.port, transport.boundAddress = 0, settings["address"]
    endpoint.transportCreate(TRANSPORTS[settings["transport"]], transport)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()
    for codec in endpoint.codecEnum2():
        wanted = any(codec.codecId.startswith(name) for name in settings["codecs"])
        endpoint.codecSetPriority(codec.codecId, 200 if wanted else 0)
    return endpoint


def main() -> None:
    settings = json.loads(sys.argv[1])
    endpoint = opened(settings)
    phone = Phone(settings)
    waiting = b""
    while True:
        endpoint.libHandleEvents(10)
        if not select.select([0], [], [], 0)[0]:
            continue
        read = os.read(0, 65_536)
        if not read:
            break
        *lines, waiting = (waiting + read).split(b"\n")
        for line in lines:
            try:
                phone.do(*json.loads(line))
            except pj.Error as error:
                say(error=error.info(), command=line.decode())
    os._exit(0)  # the library ends its threads; nothing of it has to be kept


if __name__ == "__main__":
    main()
