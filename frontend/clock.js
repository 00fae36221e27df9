/** The server's clock. A phone's own may be minutes wrong, so nothing opens or closes by it. */

import { unreachable } from './server.js';

let offset = 0;
let quickest = Infinity;
let setAt = -Infinity;

const TRUSTED_FOR = 60_000;

/**
 * Sets the clock by an answer. A slow answer says less about the time, so it does not replace a quick one for a while.
 * @param {string} serverTime
 * @param {number} asked when the question left, by this device
 * @throws {Refused} when it tells no time, for then somebody in between has answered
 */
export function setClock(serverTime, asked) {
  const told = Date.parse(serverTime);
  if (!Number.isFinite(told)) unreachable();
  const here = Date.now();
  const travelled = here - asked;
  if (travelled > quickest + 250 && here - setAt < TRUSTED_FOR) return;
  offset = told - (asked + travelled / 2);
  quickest = travelled;
  setAt = here;
}

/** @returns {number} milliseconds, as Date.now() would say on the server */
export function serverNow() {
  return Date.now() + offset;
}
