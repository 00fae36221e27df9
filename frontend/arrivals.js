/** Noticing who comes: a sound, a number in the tab's title, a sentence for those who listen. */

import { announce } from './announce.js';
import { notifyOfArrival } from './notify.js';
import { canSound, ring } from './sound.js';
import { nameOf } from './queue.js';
import { markTitle } from './views.js';
import { t } from './words.js';

/** @import {Row} from './shapes' */

export class Arrivals {
  /** @type {Set<string> | null} */
  #known = null;

  /** @param {Row[]} rows */
  notice(rows) {
    const waiting = rows.filter((row) => row.group === 'waiting');
    const arrived = waiting.filter((row) => this.#known && !this.#known.has(row.key));
    this.#known = new Set(waiting.map((row) => row.key));
    markTitle(waiting.length > 0 ? `(${waiting.length})` : '');
    showBadge(waiting.length);
    if (arrived.length === 0) return;
    announce(arrived.map((row) => t('queue.arrived', { name: nameOf(row) })).join(' '));
    if (canSound()) void ring();
    for (const row of arrived) notifyOfArrival(row.appointment.appointment_id);
  }
}

/**
 * On the icon of a page that was put on the desktop; most browsers have none.
 * @param {number} count
 */
function showBadge(count) {
  if ('setAppBadge' in navigator) navigator.setAppBadge(count).catch(() => {});
}
