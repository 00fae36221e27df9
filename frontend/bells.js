/** The doorbells that nobody has answered yet: they ring again, and "I have seen it" quietens them. */

import { showRefusal } from './notes.js';
import { ask, Refused } from './server.js';
import { canSound, ringAgain } from './sound.js';

/** @import {Doorbell, Row} from './shapes' */

const PATH = '/notifier/api/doorbells';
const AGAIN = 20_000;
/** From here on the whole unit is called. */
const LOUD = ['colleague', 'duty'];

export class Bells {
  /** @type {Doorbell[]} */
  #bells = [];
  #rungAt = 0;

  /** What is not heard of a bell costs nothing but the louder ringing: the queue itself is the lobby's word. */
  async listen() {
    try {
      this.#bells = (await ask('GET', PATH)).doorbells;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
    }
    this.#ring();
  }

  #ring() {
    const loud = this.#bells.some(({ rung, acknowledged }) => !acknowledged && LOUD.includes(rung ?? ''));
    if (!loud || !canSound() || Date.now() - this.#rungAt < AGAIN) return;
    this.#rungAt = Date.now();
    void ringAgain();
  }

  /**
   * @param {Row} row
   * @returns {Doorbell | null}
   */
  of({ appointment, person }) {
    return this.#bells.find((bell) => bell.appointment_id === appointment.appointment_id && bell.person_id === person?.person_id) ?? null;
  }

  /**
   * @param {Row} row
   * @param {HTMLElement} notes
   */
  async acknowledge({ appointment, person }, notes) {
    if (!person) return;
    try {
      await ask('POST', `${PATH}/${encodeURIComponent(appointment.appointment_id)}/${encodeURIComponent(person.person_id)}/acknowledgement`);
    } catch (error) {
      showRefusal(notes, error);
    }
    await this.listen();
  }
}
