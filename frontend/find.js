/** A piece of the page that must be there. */

/**
 * @template {Element} T
 * @param {string} selector
 * @param {new () => T} type
 * @param {ParentNode} [within]
 * @returns {T}
 * @throws {Error} when the page lacks it: page and module do not belong together
 */
export function find(selector, type, within = document) {
  const found = within.querySelector(selector);
  if (!(found instanceof type)) throw new Error(`The page has no ${selector}.`);
  return found;
}

/**
 * @param {string} name the view's, as in data-view
 */
export function view(name) {
  return find(`[data-view="${name}"]`, HTMLElement);
}

/**
 * @param {string} name the part's, as in data-part
 * @param {ParentNode} within
 */
export function part(name, within) {
  return find(`[data-part="${name}"]`, HTMLElement, within);
}

/**
 * The button of an action.
 * @param {string} action
 * @param {ParentNode} [within]
 */
export function button(action, within = document) {
  return find(`button[data-action="${action}"]`, HTMLButtonElement, within);
}

/**
 * What happens when one of an action's buttons is pressed.
 * @param {string} action
 * @param {() => void} act
 * @param {ParentNode} [within]
 */
export function pressed(action, act, within = document) {
  for (const each of within.querySelectorAll(`[data-action="${action}"]`)) {
    each.addEventListener('click', () => {
      if (each.getAttribute('aria-disabled') !== 'true') act();
    });
  }
}

/**
 * Writes only what is new, so that nothing is read out twice and no selection is lost.
 * @param {Element} element
 * @param {string} text
 */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
