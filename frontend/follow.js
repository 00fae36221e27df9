/** Following the lobby: its word is the truth, the stream only makes it fast. */

const REOPEN = [1000, 2000, 5000, 15_000];

/** Asks again and again, and at once when the stream has something to tell or the network is back. */
export class Follow {
  /**
   * @param {object} how
   * @param {() => Promise<void>} how.ask asks the lobby and shows the answer
   * @param {string} how.stream where the events come from
   * @param {() => number} how.pause milliseconds until the next question
   * @param {number} [how.gap] milliseconds at least between two questions, however much the stream tells
   */
  constructor({ ask, stream, pause, gap = 0 }) {
    this.ask = ask;
    this.stream = stream;
    this.pause = pause;
    this.gap = gap;
    this.askedAt = -Infinity;
    this.asking = false;
    this.again = false;
    this.failures = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {EventSource | null} */
    this.source = null;
  }

  start() {
    this.#listen();
    addEventListener('online', () => this.now());
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.now(); });
    return this.now();
  }

  /** Asks now; a question that is already on its way is asked once more after it, since its answer may be old. */
  async now() {
    if (this.asking) {
      this.again = true;
      return;
    }
    this.asking = true;
    this.askedAt = performance.now();
    clearTimeout(this.timer);
    try {
      await this.ask();
    } finally {
      this.asking = false;
      this.timer = setTimeout(() => void this.now(), this.again ? this.#gapLeft : this.pause());
      this.again = false;
    }
  }

  /** As soon as the gap is over. */
  #soon() {
    if (this.asking || this.#gapLeft <= 0) return void this.now();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.now(), this.#gapLeft);
    return undefined;
  }

  get #gapLeft() {
    return Math.max(0, this.askedAt + this.gap - performance.now());
  }

  /** The pause has become another one: a page that waits asks more often. */
  newPause() {
    if (this.asking) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.now(), this.pause());
  }

  /** For good: the session is over. */
  stop() {
    clearTimeout(this.timer);
    this.source?.close();
    this.ask = () => Promise.resolve();
    this.pause = () => 2 ** 31 - 1;
    this.stream = '';
  }

  #listen() {
    if (!this.stream) return;
    const source = new EventSource(this.stream);
    this.source = source;
    source.addEventListener('open', () => { this.failures = 0; });
    for (const name of ['snapshot', 'notice']) source.addEventListener(name, () => this.#soon());
    source.addEventListener('error', () => this.#reopen(source));
  }

  /**
   * The browser opens a broken stream again by itself, but not one that was answered with an error.
   * @param {EventSource} source
   */
  #reopen(source) {
    if (source.readyState !== EventSource.CLOSED) return;
    const pause = REOPEN[Math.min(this.failures, REOPEN.length - 1)] ?? 0;
    this.failures += 1;
    setTimeout(() => this.#listen(), pause * (0.5 + Math.random()));
  }
}
