"""What the pages' stage lacks for a call: a signalling that says what a test tells it to, and a view of every track.

The tracks are the browser's own, of its made-up camera and microphone, or of a canvas where a test decides when the
browser answers.
"""

from typing import Any

from playwright.async_api import Page

# A guardian is in the call from its beginning and asks for an offer, so that there is somebody to send to.
WIRE = """
window.wires = [];
window.WebSocket = class extends EventTarget {
  static CONNECTING = 0; static OPEN = 1; static CLOSING = 2; static CLOSED = 3;
  readyState = 0; said = []; seq = 0;
  constructor() {
    super();
    window.wires.push(this);
    queueMicrotask(() => { this.readyState = 1; this.dispatchEvent(new Event('open')); });
  }
  send(text) {
    const said = JSON.parse(text);
    this.said.push(said);
    if (said.type === 'hello') queueMicrotask(() => this.welcome());
  }
  welcome() {
    const media = { microphone: true, camera: true };
    this.hear({
      type: 'welcome', protocol: 1, session: 's', resumed: false, you: 'me', ice_servers: [], started_at: null,
      members: [
        { member: 'me', role: 'patient', polite: true, media },
        { member: 'c-1', role: 'guardian', polite: true, media },
      ],
    });
    this.hear({ type: 'signal', from: 'c-1', connection: 'theirs', meant_for: null, round: 0, description: null, candidate: null, ask: 'offer' });
  }
  hear(frame) {
    this.seq += 1;
    this.dispatchEvent(new MessageEvent('message', { data: JSON.stringify({ seq: this.seq, ...frame }) }));
  }
  close() { this.readyState = 3; }
};
"""

# Every track that the page was ever given, how each was handed on, and the senders of every connection.
RECORDED = """
window.given = [];
window.connections = [];
window.handed = [];
if (navigator.mediaDevices) {
  const noted = (track) => track && window.handed.push({ kind: track.kind, on: track.enabled && track.readyState === 'live' });
  const noting = (type, name) => {
    const real = type.prototype[name];
    type.prototype[name] = function (track, ...more) { noted(track); return real.call(this, track, ...more); };
  };
  noting(MediaStream, 'addTrack');
  noting(RTCPeerConnection, 'addTrack');
  noting(RTCRtpSender, 'replaceTrack');
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (how) => {
    const stream = await real(how);
    window.given.push(...stream.getTracks());
    return stream;
  };
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...how) { super(...how); window.connections.push(this); }
  };
}
"""

# The browser asks the person, who answers when the test says so.
ASKED = """
window.answer = null;
{
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  const answered = new Promise((resolve) => { window.answer = resolve; });
  navigator.mediaDevices.getUserMedia = async (how) => { await answered; return real(how); };
}
"""

# Devices that open, fail and vanish when the test says so; the tracks are a canvas's and a silent sound's.
PUPPETS = """
window.questions = [];
{
  const sound = new AudioContext().createMediaStreamDestination();
  const track = (kind) => kind === 'audio'
    ? sound.stream.getAudioTracks()[0].clone()
    : Object.assign(document.createElement('canvas'), { width: 2, height: 2 }).captureStream(1).getVideoTracks()[0];
  navigator.mediaDevices.getUserMedia = (how) => new Promise((resolve, reject) => {
    const kinds = ['audio', 'video'].filter((kind) => how[kind]);
    window.questions.push({
      kinds,
      grant: () => resolve(new MediaStream(kinds.map(track))),
      refuse: (name) => reject(new DOMException('', name)),
    });
  });
}
"""

# How things stand, by the tracks, the signs, the senders and what the others were told.
STANDING = """
() => {
  const on = (kind) => (track) => track?.kind === kind && track.readyState === 'live' && track.enabled;
  const pressed = (action) =>
    document.querySelector(`[data-view="call"] [data-action="${action}"]`).getAttribute('aria-pressed') === 'true';
  const senders = window.connections
    .filter((each) => each.signalingState !== 'closed')
    .flatMap((each) => each.getSenders()).map((each) => each.track);
  const told = window.wires?.at(-1)?.said.findLast((frame) => frame.type === 'media');
  return {
    live: window.given.filter((each) => each.readyState === 'live').map((each) => each.kind).sort(),
    on: { camera: window.given.some(on('video')), microphone: window.given.some(on('audio')) },
    signs: { camera: pressed('camera'), microphone: pressed('microphone') },
    sent: { camera: senders.some(on('video')), microphone: senders.some(on('audio')) },
    told: told ? { camera: told.camera, microphone: told.microphone } : null,
    asking: window.questions?.length ?? 0,
  };
}
"""


async def standing(page: Page) -> dict[str, Any]:
    told: dict[str, Any] = await page.evaluate(STANDING)
    return told
