/** Keeps the screen lit while somebody waits or talks. */

/** @type {WakeLockSentinel | null} */
let held = null;
let wanted = false;

async function hold() {
  if (!wanted || document.hidden || !('wakeLock' in navigator) || (held && !held.released)) return;
  // Refused on a low battery: then the screen sleeps, and the place is kept all the same.
  held = await navigator.wakeLock.request('screen').catch(() => null);
}

document.addEventListener('visibilitychange', () => void hold());

/** @param {boolean} awake */
export function stayAwake(awake) {
  wanted = awake;
  if (awake) void hold();
  else void held?.release();
}
