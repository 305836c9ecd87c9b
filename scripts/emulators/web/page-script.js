// Keeps the page as it is on the server: fetches it about once a second (304 when nothing changed) and swaps the
// parts marked data-live, without a reload, so that scroll position and the toggle stay.
const main = document.querySelector('main');
const state = document.querySelector('#state');
let etag = document.documentElement.dataset.version;

const rowText = (row) =>
  [...row.cells]
    .slice(1)
    .map((cell) => cell.textContent)
    .join('\n');
const rows = () => [...document.querySelectorAll('#rows > tr')];
// The newest rows are at the end of a sheet; a list is read from its beginning.
const isSheet = document.body.dataset.page === 'sheet';
const scrollToEnd = () => isSheet && main.scrollTo(0, main.scrollHeight);

function show(next) {
  if (next.body.dataset.page !== document.body.dataset.page) return location.reload();
  const known = new Set(rows().map(rowText));
  const atEnd = main.scrollHeight - main.scrollTop - main.clientHeight < 40;
  for (const part of document.querySelectorAll('[data-live]')) {
    const fresh = next.getElementById(part.id);
    if (fresh && fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
  }
  for (const row of rows()) if (!known.has(rowText(row))) row.classList.add('new');
  if (atEnd) scrollToEnd();
}

async function poll() {
  try {
    const answer = await fetch(location.href, { headers: { 'if-none-match': etag } });
    if (answer.status !== 304) {
      const text = await answer.text();
      show(new DOMParser().parseFromString(text, 'text/html'));
      etag = answer.headers.get('etag') ?? '';
    }
    if (hasRows) await showWaiting();
    state.textContent = 'Live';
    state.classList.remove('off');
  } catch {
    state.textContent = 'Not reachable, retrying';
    state.classList.add('off');
  }
}

// What is on its way into a sheet, of whichever form; a page of mails has nothing to say of it.
const waiting = document.querySelector('#waiting');
const flush = waiting.querySelector('button');
const hasRows = ['sheet', 'missing', 'list'].includes(document.body.dataset.page);

async function showWaiting() {
  const answer = await fetch('/_/waiting');
  if (!answer.ok || answer.headers.get('content-type') !== 'application/json') return;
  const { rows, next } = await answer.json();
  const at = next ? `, at ${new Date(next).toLocaleTimeString()}` : '';
  const said = `${rows} ${rows === 1 ? 'row waits' : 'rows wait'} for the next flush${at}.`;
  const status = waiting.querySelector('span');
  if (rows > 0 && status.textContent !== said) status.textContent = said;
  waiting.hidden = rows === 0;
}

flush.addEventListener('click', () => void flushNow());

async function flushNow() {
  flush.disabled = true;
  await fetch('/_/schedules/sheets-flush', { method: 'POST' }).catch(() => {});
  flush.disabled = false;
  await poll();
}

async function run() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    if (document.visibilityState === 'visible') await poll();
  }
}

scrollToEnd();
if (hasRows) showWaiting().catch(() => {});
void run();
