/** What the professional writes to someone who waits, and that it has been read. */

import { announceNow } from './announce.js';
import { part } from './find.js';
import { ring } from './sound.js';
import { t, time } from './words.js';

/** @import {Message} from './shapes' */

/** @type {Record<string, () => string>} */
export const CANNED = {
  soon: () => t('message.soon'),
  stay: () => t('message.stay'),
  device: () => t('message.device'),
  phone: () => t('message.phone'),
  reschedule: () => t('message.reschedule'),
};

/**
 * The words of a message: a canned sentence in the reader's language, or the professional's own.
 * @param {Pick<Message, 'code' | 'text'>} message
 */
export function textOf({ code, text }) {
  return text ?? CANNED[code ?? '']?.() ?? t('message.unknown');
}

export class Messages {
  /** @type {Set<string> | null} those that were there when the page was opened ring no bell */
  #known = null;
  /** @type {string | null} */
  #written = null;

  /**
   * @param {HTMLElement} within
   * @param {(id: string) => void} read somebody says that they have read it
   */
  constructor(within, read) {
    this.section = part('messages', within);
    this.list = part('list', this.section);
    this.read = read;
  }

  /** @param {Message[]} messages oldest first */
  show(messages) {
    this.section.hidden = messages.length === 0;
    const written = messages.map(({ message_id: id, read_at: read }) => `${id} ${read}`).join();
    if (written === this.#written) return;
    this.#written = written;
    this.list.replaceChildren(...messages.map((message) => this.#item(message)).reverse());
    this.#tell(messages);
  }

  /** @param {Message[]} messages */
  #tell(messages) {
    const news = messages.filter(({ message_id: id, read_at: read }) => this.#known && !this.#known.has(id) && !read);
    this.#known = new Set(messages.map(({ message_id: id }) => id));
    if (news.length === 0) return;
    announceNow(news.map((message) => t('message.announced', { name: message.by.name, text: textOf(message) })).join(' '));
    void ring();
    navigator.vibrate?.(200);
  }

  /** @param {Message} message */
  #item(message) {
    const item = document.createElement('li');
    item.dataset.message = message.message_id;
    item.append(paragraph('said', textOf(message)), paragraph('small soft', t('message.from', { name: message.by.name, time: time(message.at) })));
    item.append(message.read_at ? paragraph('small soft', t('message.read')) : this.#acknowledge(message.message_id));
    return item;
  }

  /** @param {string} id */
  #acknowledge(id) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'button quiet';
    button.dataset.action = 'read';
    button.textContent = t('message.acknowledge');
    button.addEventListener('click', () => this.read(id));
    return button;
  }
}

/**
 * @param {string} style
 * @param {string} text
 */
function paragraph(style, text) {
  const element = document.createElement('p');
  element.className = style;
  element.textContent = text;
  return element;
}
