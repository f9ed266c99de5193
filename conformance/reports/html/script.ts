/** The page's script: filters and copy buttons. Without it the page is complete, only longer. */
export const script = `
const $ = (selector, within = document) => [...within.querySelectorAll(selector)];
const say = (text) => { document.getElementById('said').textContent = text; };

for (const button of $('button.copy')) {
  button.hidden = false;
  button.addEventListener('click', async () => {
    const source = button.parentElement.querySelector('pre');
    const label = button.dataset.label ??= button.textContent;
    const done = await copy(source.textContent);
    button.textContent = done ? 'Copied' : 'Press Ctrl+C';
    if (!done) { source.hidden = false; getSelection().selectAllChildren(source); }
    say(button.textContent);
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}

async function copy(text) {
  try { await navigator.clipboard.writeText(text); return true; } catch { return false; }
}

const form = document.querySelector('form.filters');
if (form) {
  form.hidden = false;
  const items = $('.rules > li').map((item) => ({ item, text: item.textContent.toLowerCase() }));
  const filter = () => {
    const data = new FormData(form);
    const words = data.get('text').toLowerCase().split(/\\s+/).filter(Boolean);
    const outcomes = new Set(data.getAll('outcome'));
    let shown = 0;
    for (const { item, text } of items) {
      const chapter = item.closest('.chapter').dataset.chapter;
      const keep = outcomes.has(item.dataset.outcome)
        && (!data.get('chapter') || data.get('chapter') === chapter)
        && (!data.get('level') || data.get('level') === item.dataset.level)
        && words.every((word) => text.includes(word));
      item.hidden = !keep;
      if (keep) shown += 1;
    }
    for (const chapter of $('.chapter')) chapter.hidden = !chapter.querySelector('.rules > li:not([hidden])');
    document.querySelector('.shown').textContent = shown + ' of ' + items.length + ' rules shown';
  };
  form.addEventListener('input', filter);
  form.addEventListener('submit', (event) => event.preventDefault());
  filter();
}

const openTarget = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const fold = target && target.querySelector('details');
  if (fold) { fold.open = true; target.scrollIntoView(); }
};
addEventListener('hashchange', openTarget);
openTarget();
`;
