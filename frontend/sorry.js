/** The sorry page: a way back, when this tab still knows the link, and a way out at the identity provider. */

import { keptLink } from './link.js';
import { pressed } from './find.js';
import { showRefusal } from './notes.js';
import { ask } from './server.js';
import { language, learnWords } from './words.js';

function offerWaysOn() {
  if (!keptLink()) return;
  for (const action of ['try-again', 'log-out-there']) {
    document.querySelector(`[data-action="${action}"]`)?.removeAttribute('hidden');
  }
}

/** Someone else identified at this device just before, and would be taken for this one again. */
async function logOutThere() {
  try {
    const there = await ask('POST', '/identity/logout', { body: { language, then: 'again' } });
    location.assign(there ? there.location : '/entry');
  } catch (error) {
    await learnWords();
    const notes = document.querySelector('#notes');
    if (notes instanceof HTMLElement) showRefusal(notes, error);
  }
}

offerWaysOn();
pressed('log-out-there', () => void logOutThere());
