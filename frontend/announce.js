/** What a person who listens to the page hears when something changes by itself. */

import { find } from './find.js';

/** @param {string} text said when the reader has finished its sentence */
export function announce(text) {
  say('#announce', text);
}

/** @param {string} text said at once */
export function announceNow(text) {
  say('#announce-now', text);
}

/**
 * @param {string} region
 * @param {string} text
 */
function say(region, text) {
  const place = find(region, HTMLElement);
  const line = document.createElement('span');
  line.textContent = text;
  place.replaceChildren(line);
}
