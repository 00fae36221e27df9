/** The page's words, in the language of the page; times as that language writes them, by Finnish clocks. */

/** @import {Language, Names} from './shapes' */

const ZONE = 'Europe/Helsinki';
const REGION = { sv: 'sv-FI', fi: 'fi-FI', en: 'en-GB' };

export const language = /** @type {Language} */ (document.documentElement.lang);

/** @type {Record<string, string>} */
let words = {};

/** Fetches the words; nothing can be said before it is done. */
export async function learnWords() {
  const answer = await fetch(new URL(`./locales/${language}.json`, import.meta.url));
  words = await answer.json();
}

/**
 * @param {string} key
 * @param {Record<string, string | number>} [values] for the places in braces
 */
export function t(key, values = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (place, name) => String(values[name] ?? place));
}

/** @param {string} key */
export function known(key) {
  return key in words;
}

/** @param {Names} names */
export function named(names) {
  return names[language] || names.sv || names.fi || names.en;
}

const clockTime = new Intl.DateTimeFormat(REGION[language], { timeZone: ZONE, hour: 'numeric', minute: '2-digit', hourCycle: 'h23' });
const weekdayAndDate = new Intl.DateTimeFormat(REGION[language], { timeZone: ZONE, weekday: 'long', day: 'numeric', month: 'long' });
const distance = new Intl.RelativeTimeFormat(REGION[language], { numeric: 'auto' });

/**
 * 10.00, or 9.54
 * @param {string} moment
 */
export function time(moment) {
  const parts = clockTime.formatToParts(new Date(moment));
  const value = (/** @type {string} */ type) => parts.find((part) => part.type === type)?.value ?? '';
  return `${Number(value('hour'))}.${value('minute')}`;
}

/**
 * Monday 23 November; in Finnish "on Monday", which fits a list as well as a sentence.
 * @param {string} moment
 */
export function date(moment) {
  const written = weekdayAndDate.format(new Date(moment)).replace(',', '');
  return language === 'fi' ? written.replace(/^(\p{L}+?)(na)?(?= )/u, '$1na') : written;
}

/**
 * Monday 23 November at 10.00
 * @param {string} moment
 */
export function dateAndTime(moment) {
  return t('time.date_and_time', { date: date(moment), time: time(moment) });
}

/**
 * "in 4 minutes", "3 seconds ago", "now": in the largest unit that says enough.
 * @param {number} milliseconds from now; the past is negative
 */
export function fromNow(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  const size = Math.abs(seconds);
  if (size < 60) return distance.format(seconds, 'second');
  if (size < 90 * 60) return distance.format(Math.round(seconds / 60), 'minute');
  if (size < 36 * 3600) return distance.format(Math.round(seconds / 3600), 'hour');
  return distance.format(Math.round(seconds / 86400), 'day');
}
