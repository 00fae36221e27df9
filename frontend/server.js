/** Asking the services: an answer, or a refusal with a code that never changes. */

/** @import {Problem} from './shapes' */

const PATIENCE = 8000;

/** A refusal. `code` chooses the words; `wait` says how many milliseconds to hold off, if the server said so. */
export class Refused extends Error {
  /**
   * @param {Problem} problem
   * @param {number} wait
   */
  constructor(problem, wait) {
    super(problem.code);
    this.problem = problem;
    this.code = problem.code;
    this.status = problem.status;
    this.wait = wait;
  }
}

/** @type {() => Promise<boolean>} */
let renew = () => Promise.resolve(false);
/** @type {() => boolean} */
let isOver = () => true;

/**
 * A token lives for minutes: whoever meets a lapsed one has it renewed, and asks once more.
 * @param {() => Promise<boolean>} renewal whether there is a new one
 * @param {() => boolean} over whether the session is known to have ended: no answer is not a no
 */
export function renewBy(renewal, over) {
  renew = renewal;
  isOver = over;
}

/**
 * @param {'GET' | 'POST' | 'PUT' | 'DELETE'} method
 * @param {string} path
 * @param {{ body?: unknown, version?: number }} [given] a JSON body; the version that was looked at
 * @returns {Promise<any>} the JSON of the answer, null when it has none
 * @throws {Refused}
 */
export async function ask(method, path, given = {}) {
  try {
    return await askOnce(method, path, given);
  } catch (error) {
    if (!(error instanceof Refused) || error.code !== 'no_session') throw error;
    if (await renew()) return askOnce(method, path, given);
    return isOver() ? Promise.reject(error) : unreachable();
  }
}

/**
 * The same, with the session as it is.
 * @param {'GET' | 'POST' | 'PUT' | 'DELETE'} method
 * @param {string} path
 * @param {{ body?: unknown, version?: number }} [given]
 * @returns {Promise<any>}
 * @throws {Refused}
 */
export async function askOnce(method, path, given = {}) {
  const answer = await reach(method, path, given);
  if (answer.status === 204) return null;
  if (answer.ok) return answer.json().catch(unreachable);
  throw new Refused(await problemOf(answer), waitOf(answer));
}

/**
 * @param {string} method
 * @param {string} path
 * @param {{ body?: unknown, version?: number }} given
 */
async function reach(method, path, { body, version }) {
  /** @type {Record<string, string>} */
  const headers = { Accept: 'application/json' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (version !== undefined) headers['If-Match'] = `"${version}"`;
  const sent = body === undefined ? null : JSON.stringify(body);
  try {
    return await fetch(path, { method, headers, body: sent, cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) });
  } catch {
    return unreachable();
  }
}

/**
 * No answer, half of one, or the page of somebody in between who wants a login.
 * @returns {never}
 */
export function unreachable() {
  throw new Refused({ status: 0, code: 'unreachable' }, 0);
}

/**
 * @param {Response} answer
 * @returns {Promise<Problem>}
 */
async function problemOf(answer) {
  const said = await answer.json().catch(() => ({}));
  return { ...said, status: answer.status, code: typeof said?.code === 'string' ? said.code : codeOf(answer.status) };
}

/** @param {number} status */
function codeOf(status) {
  if (status === 429) return 'too_many';
  return status >= 500 ? 'unavailable' : 'unknown';
}

/** @param {Response} answer */
function waitOf(answer) {
  const seconds = Number(answer.headers.get('Retry-After'));
  return Number.isFinite(seconds) ? seconds * 1000 : 0;
}
