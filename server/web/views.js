// Which view of the page is shown: the one that has the element which the address names behind '#'.
//
// What belongs to a view has its name as data-view, or those of several, and is hidden while another
// one is shown.

const kFirst = 'ask';
const watchers = [];  // {name, told}
let shown = '';

const viewOf = (hash) =>
  document.getElementById(hash.slice(1))?.closest('[data-view]')?.dataset.view ?? kFirst;

function show() {
  const before = shown;
  shown = viewOf(location.hash);
  if (shown === before) return;
  for (const part of document.querySelectorAll('[data-view]')) {
    part.hidden = !part.dataset.view.split(' ').includes(shown);
  }
  for (const link of document.querySelectorAll('.views a')) {
    if (viewOf(link.hash) === shown) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  for (const { name, told } of watchers) told(name === shown);
}

// Calls `told` with whether the view is shown: now, and when that changes.
export function watchView(name, told) {
  watchers.push({ name, told });
  told(name === shown);
}

addEventListener('hashchange', show);
show();
