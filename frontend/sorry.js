/** The sorry page: a way back, when this tab still knows the link. */

import { keptLink } from './link.js';

if (keptLink()) {
  document.querySelector('[data-action="try-again"]')?.removeAttribute('hidden');
}
