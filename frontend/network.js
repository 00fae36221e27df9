/** Whether this network lets a call through, as far as a browser can tell by itself. */

const PATIENCE = 6000;
const SLOW = 1500;

/**
 * Two connections in this page try to reach each other, and the service is asked how quickly it answers.
 * It finds blocked WebRTC and a slow or broken network; it cannot promise the whole way to the other person.
 * @param {() => Promise<unknown>} ask any question to the service
 * @returns {Promise<'pass' | 'slow' | 'blocked'>}
 */
export async function testNetwork(ask) {
  const started = performance.now();
  const answered = await ask().then(() => performance.now() - started, () => Infinity);
  if (!(await reachesItself())) return 'blocked';
  return answered < SLOW ? 'pass' : 'slow';
}

/** @returns {Promise<boolean>} */
async function reachesItself() {
  const here = new RTCPeerConnection();
  const there = new RTCPeerConnection();
  try {
    return await Promise.race([connected(here, there), patience()]);
  } catch {
    return false;
  } finally {
    here.close();
    there.close();
  }
}

/**
 * @param {RTCPeerConnection} here
 * @param {RTCPeerConnection} there
 * @returns {Promise<boolean>}
 */
async function connected(here, there) {
  pass(here, there);
  pass(there, here);
  const opened = new Promise((resolve) => {
    here.createDataChannel('test').addEventListener('open', () => resolve(true));
  });
  await here.setLocalDescription();
  await there.setRemoteDescription(/** @type {RTCSessionDescription} */ (here.localDescription));
  await there.setLocalDescription();
  await here.setRemoteDescription(/** @type {RTCSessionDescription} */ (there.localDescription));
  await opened;
  return true;
}

/**
 * @param {RTCPeerConnection} from
 * @param {RTCPeerConnection} to
 */
function pass(from, to) {
  // A candidate may come before the description or after the end of the test; then it is not needed.
  from.addEventListener('icecandidate', ({ candidate }) => void to.addIceCandidate(candidate ?? undefined).catch(() => {}));
}

/** @returns {Promise<boolean>} */
function patience() {
  return new Promise((resolve) => { setTimeout(() => resolve(false), PATIENCE); });
}
