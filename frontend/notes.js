/** A note in its place on the page: what is wrong, and what to do. */

import { known, t } from './words.js';
import { announce } from './announce.js';
import { Refused } from './server.js';

const MARKS = { good: '✓', warn: '!', bad: '!', calm: 'i' };

/**
 * @param {'good' | 'warn' | 'bad' | 'calm'} tone
 * @param {string} title
 * @param {string} [text]
 * @returns {HTMLElement}
 */
export function note(tone, title, text = '') {
  const element = document.createElement('div');
  element.className = `note ${tone}`;
  const mark = document.createElement('span');
  mark.className = 'mark';
  mark.setAttribute('aria-hidden', 'true');
  mark.textContent = MARKS[tone];
  const said = document.createElement('span');
  const strong = document.createElement('strong');
  strong.textContent = title;
  said.append(strong, text);
  element.append(mark, said);
  return element;
}

/**
 * A problem by its code, in plain words.
 * @param {string} code
 * @param {Record<string, string | number>} [values]
 */
export function problemNote(code, values = {}) {
  const worded = known(`problem.${code}`) ? code : 'unknown';
  const element = note(worded === 'unreachable' || worded === 'unavailable' ? 'warn' : 'bad', t(`problem.${worded}`, values), t(`problem.${worded}.do`));
  element.dataset.problem = code;
  return element;
}

/**
 * Shows why something was refused, and says it aloud; anything but a refusal is a fault of the page and goes on.
 * @param {HTMLElement} place
 * @param {unknown} error
 * @returns {HTMLElement} the note
 */
export function showRefusal(place, error) {
  if (!(error instanceof Refused)) throw error;
  return showProblem(place, error.code, { name: error.problem.by ?? '' });
}

/**
 * @param {HTMLElement} place
 * @param {string} code
 * @param {Record<string, string | number>} [values]
 * @returns {HTMLElement} the note
 */
export function showProblem(place, code, values = {}) {
  const shown = place.querySelector('[data-problem]');
  if (shown instanceof HTMLElement && shown.dataset.problem === code) return shown;
  const element = problemNote(code, values);
  place.replaceChildren(element);
  announce(element.lastElementChild?.textContent ?? '');
  return element;
}

/** @param {HTMLElement} place */
export function clearNotes(place) {
  if (place.hasChildNodes()) place.replaceChildren();
}
