/** One page, several views: which one is shown, its title, and where the keyboard stands. */

import { find, view } from './find.js';

const brand = document.title.split(' · ').at(-1) ?? '';
let mark = '';
let title = document.title;

/** @returns {string | undefined} */
export function shown() {
  return document.documentElement.dataset.showing;
}

/**
 * Shows one of the page's views and hides the rest. The heading takes the focus, so that a reader begins there.
 * @param {string} name
 * @param {string[]} among
 */
export function show(name, among) {
  if (shown() === name) return;
  const first = shown() === undefined;
  document.documentElement.dataset.showing = name;
  for (const each of among) view(each).hidden = each !== name;
  if (first) return;
  scrollTo(0, 0);
  find('h1', HTMLElement, view(name)).focus({ preventScroll: true });
}

/** @param {string} text */
export function setTitle(text) {
  title = `${text} · ${brand}`;
  document.title = mark + title;
}

/**
 * A sign before the title, for someone who looks at another tab.
 * @param {string} sign
 */
export function markTitle(sign) {
  mark = sign ? `${sign} ` : '';
  document.title = mark + title;
}

/**
 * The line of four steps.
 * @param {'identify' | 'check' | 'wait' | 'call' | 'closed'} now
 */
export function showStep(now) {
  const steps = [...document.querySelectorAll('.steps [data-step]')];
  const at = now === 'closed' ? steps.length : steps.findIndex((step) => step.getAttribute('data-step') === now);
  steps.forEach((step, index) => {
    step.classList.toggle('done', index < at);
    if (index === at) step.setAttribute('aria-current', 'step');
    else step.removeAttribute('aria-current');
  });
}
