/** The language one chose stays: through identification, to every page, to the next visit. */

const YEAR = 31_536_000;

/** @param {string} language */
function remember(language) {
  document.cookie = `language=${language}; Path=/; Max-Age=${YEAR}; SameSite=Lax${location.protocol === 'https:' ? '; Secure' : ''}`;
}

for (const choice of document.querySelectorAll('[data-language]')) {
  choice.addEventListener('click', () => remember(choice.getAttribute('data-language') ?? ''));
}
if (new URLSearchParams(location.search).has('lang')) remember(document.documentElement.lang);
