/** The link of the invitation: taken out of the address bar at once, kept in this tab only. */

const KEPT = 'link';
const SENT_BACK = 'sent-back';
const PATH = /^\/v\/([A-Za-z0-9_-]+)\/?$/;

/** Takes the link out of the address; a reload and the way back find it again. */
export function takeLink() {
  const link = PATH.exec(location.pathname)?.[1];
  if (!link) return;
  sessionStorage.setItem(KEPT, link);
  history.replaceState(null, '', `/entry${location.search}`);
}

/** @returns {string | null} */
export function keptLink() {
  return sessionStorage.getItem(KEPT);
}

/** The page found no session: the entry must not send it straight on, or the two would go round in a ring. */
export function sendBack() {
  sessionStorage.setItem(SENT_BACK, '');
  location.replace(keptLink() ? '/entry' : '/sorry/identification_expired');
}

/** Whether one was sent back here; asked once. */
export function wasSentBack() {
  const sent = sessionStorage.getItem(SENT_BACK) !== null;
  sessionStorage.removeItem(SENT_BACK);
  return sent;
}
