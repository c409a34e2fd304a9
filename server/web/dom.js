// What every part of the page does with elements.

export const byId = (id) => document.getElementById(id);

export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'role' || name.startsWith('aria-')) node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children);
  return node;
}

export function announce(message) {
  byId('announcer').textContent = message;
}

export const plural = (count, word) =>
  `${count.toLocaleString('en')} ${word}${count === 1 ? '' : 's'}`;
