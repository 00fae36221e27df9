/** A question that must be answered before something happens. */

/**
 * Opens the dialog and waits for an answer. Escape is the same as "no".
 * @param {HTMLDialogElement} dialog
 * @returns {Promise<string>} the value of the pressed button
 */
export function answerTo(dialog) {
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise((resolve) => {
    const buttons = [...dialog.querySelectorAll('button[value]')];
    const answered = (/** @type {Event} */ event) => {
      if (event.currentTarget instanceof HTMLButtonElement) dialog.close(event.currentTarget.value);
    };
    for (const button of buttons) button.addEventListener('click', answered);
    dialog.addEventListener('close', () => {
      for (const button of buttons) button.removeEventListener('click', answered);
      resolve(dialog.returnValue || 'no');
    }, { once: true });
  });
}
