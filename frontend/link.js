/** The link of the invitation: taken out of the address bar at once, kept in this tab only. */

const KEPT = 'link';
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
