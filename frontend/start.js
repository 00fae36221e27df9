/** The start page: choose a municipality, then a kind of care, and see how to join and whom to call. */

import { find, part, write } from './find.js';
import { learnWords, named, t } from './words.js';

/** @import {Names} from './shapes' */
/** @typedef {{ id: string, name: Names, phone: string, hours: Names }} CareUnit */
/** @typedef {{ id: string, name: Names, care: Record<string, string> }} Municipality */
/** @typedef {{ test: boolean, municipalities: Municipality[], units: CareUnit[] }} County */

const section = find('.choose', HTMLElement);
const question = find('#choose-title', HTMLElement);
const choices = part('choices', section);
const chosen = part('chosen', section);
const result = part('unit', section);

/** @type {Record<string, () => string>} */
const CARE = {
  general: () => t('care.general'),
  oral_health: () => t('care.oral_health'),
  other: () => t('care.other'),
};

/** @type {County} */
let county;

/** Shows what the address asks for: #municipality/care */
function showChoice() {
  const [place, care] = location.hash.slice(1).split('/');
  const municipality = county.municipalities.find((each) => each.id === place);
  const unit = county.units.find((each) => care && each.id === municipality?.care[care]);
  choices.hidden = Boolean(unit);
  result.hidden = !unit;
  if (!municipality) return chooseMunicipality();
  if (!unit || !care) return chooseCare(municipality);
  return showUnit(municipality, care, unit);
}

function chooseMunicipality() {
  chosen.hidden = true;
  write(question, t('start.municipality'));
  choices.replaceChildren(...county.municipalities.map((each) => choice(each.id, named(each.name))));
}

/** @param {Municipality} municipality */
function chooseCare(municipality) {
  showChosen([[named(municipality.name), '#']]);
  write(question, t('start.care'));
  choices.replaceChildren(...Object.keys(municipality.care).map((care) => choice(`${municipality.id}/${care}`, careName(care))));
}

/**
 * @param {Municipality} municipality
 * @param {string} care
 * @param {CareUnit} unit
 */
function showUnit(municipality, care, unit) {
  showChosen([[named(municipality.name), '#'], [careName(care), `#${municipality.id}`]]);
  write(question, named(unit.name));
  write(find('[data-fact="unit"]', HTMLElement, result), named(unit.name));
  write(find('[data-fact="hours"]', HTMLElement, result), named(unit.hours));
  const phone = find('[data-fact="phone"]', HTMLAnchorElement, result);
  write(phone, unit.phone);
  phone.href = `tel:${unit.phone.replaceAll(' ', '')}`;
}

/** @param {string} care */
function careName(care) {
  return CARE[care]?.() ?? t('care.other');
}

/**
 * @param {string} address
 * @param {string} name
 */
function choice(address, name) {
  const item = document.createElement('li');
  const link = document.createElement('a');
  link.href = `#${address}`;
  link.textContent = name;
  item.append(link);
  return item;
}

/** @param {[string, string][]} made what was chosen, and the address where it can be changed */
function showChosen(made) {
  chosen.replaceChildren(...made.flatMap(([name, address]) => {
    const link = document.createElement('a');
    link.href = address;
    link.textContent = t('start.change');
    link.setAttribute('aria-label', t('start.change_what', { name }));
    const said = document.createElement('span');
    said.append(`${name} `, link);
    return [said];
  }));
  chosen.hidden = false;
}

async function open() {
  await learnWords();
  county = await (await fetch(new URL('./county.json', import.meta.url))).json();
  find('#test-county', HTMLElement).hidden = !county.test;
  showChoice();
  addEventListener('hashchange', () => {
    if (location.hash === '#help') return;
    showChoice();
    question.focus();
  });
}

void open();
