/** The other device: it has scanned the code, and goes on here when somebody says so. */

import { button, find, pressed } from './find.js';
import { clearNotes, showProblem, showRefusal } from './notes.js';
import { ask } from './server.js';
import { mayGoOn } from './supported.js';
import { learnWords } from './words.js';

const PATH = /^\/h\/([A-Za-z0-9_-]+)\/?$/;
const code = PATH.exec(location.pathname)?.[1];
// Out of the address at once: it must not stay in the history, nor be seen over a shoulder.
if (code) history.replaceState(null, '', `/h${location.search}`);

const notes = find('#notes', HTMLElement);
const go = button('take-over');
const learned = learnWords();

async function takeOver() {
  clearNotes(notes);
  go.setAttribute('aria-disabled', 'true');
  try {
    await learned;
    await ask('POST', '/identity/handover/taken', { body: { code } });
    location.replace('/visit');
  } catch (error) {
    go.setAttribute('aria-disabled', 'false');
    showRefusal(notes, error);
  }
}

async function open() {
  if (!mayGoOn()) return;
  // A button that can be seen can be pressed, whatever is still on its way.
  pressed('take-over', () => void takeOver());
  if (code) return;
  go.hidden = true;
  await learned;
  showProblem(notes, 'handover_over');
}

void open();
