/** Sounds made on the spot, so that nothing is downloaded: a test tone, a door bell. */

/** A sound that had to wait longer for the person's first touch is no longer about now. */
const STALE = 2000;

/** @type {AudioContext | null} */
let context = null;

/** @returns {AudioContext} */
export function audio() {
  context ??= new AudioContext();
  return context;
}

/** Browsers let a page sound only after it has been touched: the first touch opens the way. */
export function readySound() {
  const wake = () => void audio().resume();
  addEventListener('pointerdown', wake, { once: true });
  addEventListener('keydown', wake, { once: true });
}

/** @returns {boolean} whether a sound would be heard now */
export function canSound() {
  return context?.state === 'running';
}

/** Three rising notes to test the speaker with. */
export function playTest() {
  return play([[523, 0], [659, 0.35], [784, 0.7]], 0.5);
}

/** Two notes: somebody is at the door, or the door opens. */
export function ring() {
  return play([[659, 0], [880, 0.22], [659, 0.9], [880, 1.12]], 0.4);
}

/** The same, three times over: somebody is still at the door, and nobody has answered. */
export function ringAgain() {
  return play([0, 1.8, 3.6].flatMap((later) => /** @type {[number, number][]} */ ([[880, later], [1109, later + 0.22], [880, later + 0.44]])), 0.4);
}

/**
 * @param {[number, number][]} notes each with its pitch in hertz and its start in seconds
 * @param {number} length of each note in seconds
 */
async function play(notes, length) {
  const player = audio();
  const asked = Date.now();
  await player.resume();
  if (Date.now() - asked > STALE) return;
  for (const [pitch, start] of notes) {
    sing(player, pitch, player.currentTime + start, length);
  }
}

/**
 * @param {AudioContext} player
 * @param {number} pitch
 * @param {number} at
 * @param {number} length
 */
function sing(player, pitch, at, length) {
  const voice = new OscillatorNode(player, { type: 'sine', frequency: pitch });
  const loudness = new GainNode(player, { gain: 0 });
  loudness.gain.setValueAtTime(0, at);
  loudness.gain.linearRampToValueAtTime(0.25, at + 0.03);
  loudness.gain.exponentialRampToValueAtTime(0.001, at + length);
  voice.connect(loudness).connect(player.destination);
  voice.start(at);
  voice.stop(at + length);
}
