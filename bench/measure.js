// Put into every page of the comparison before its own scripts: counts, and says when something came in.
(() => {
  const EVERY = 20;
  const measured = { made: 0, offers: 0, answers: 0, connections: [] };
  window.measured = measured;
  const { lacking } = window;

  const Plain = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Plain {
    constructor(...given) {
      super(...given);
      measured.made += 1;
      const came = { connected: null, audio: null, video: null };
      measured.connections.push(came);
      void look(this, came);
    }

    async setLocalDescription(...given) {
      await super.setLocalDescription(...given);
      measured[this.localDescription.type === 'offer' ? 'offers' : 'answers'] += 1;
    }
  };

  async function look(connection, came) {
    while (connection.connectionState !== 'closed' && !(came.connected && came.audio && came.video)) {
      if (connection.connectionState === 'connected') {
        came.connected ??= Date.now();
        for (const each of (await connection.getStats()).values()) {
          if (each.type !== 'inbound-rtp') continue;
          if (each.kind === 'video' && each.framesDecoded > 0) came.video ??= Date.now();
          if (each.kind === 'audio' && each.packetsReceived > 0) came.audio ??= Date.now();
        }
      }
      await new Promise((resolve) => { setTimeout(resolve, EVERY); });
    }
  }

  // A device that is not there, as a browser says it.
  const take = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
  if (take) {
    navigator.mediaDevices.getUserMedia = (wanted) => (
      lacking.some((kind) => wanted[kind]) ? Promise.reject(new DOMException('none', 'NotFoundError')) : take(wanted)
    );
  }
})();
