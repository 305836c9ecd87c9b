import type { Email } from 'postal-mime';
import { html, type Html } from '../web/html.ts';
import type { Page } from '../web/page.ts';
import type { KeptMail } from './store.ts';

type View = Omit<Page, 'version'>;

/** The mails, newest first; `count` is how many there are in all. */
export function listView(mails: KeptMail[], count: number): View {
  const last = mails.at(-1)?.id ?? 1;
  return {
    status: 200,
    kind: 'mails',
    title: 'Mails',
    header: html`<h1>Mails</h1>
      <span id="count" data-live>${count.toLocaleString('en')} ${count === 1 ? 'mail' : 'mails'}</span>`,
    main: html`<main class="text wide" id="list" data-live>
      ${
        mails.length === 0
          ? html`<p class="empty">
              <strong>No mails yet</strong> Submit a form that has a field for an e-mail address.
            </p>`
          : html`<table class="list">
              ${mails.map(
                ({ id, at, to, subject }) =>
                  html`<tr>
                    <td><a href="./${id}">${subject || '(no subject)'}</a></td>
                    <td>${to.join(', ')}</td>
                    <td class="number">${time(at)}</td>
                  </tr>`,
              )}
            </table>`
      }
      ${last > 1 && html`<p><a href="./?before=${last}">Older mails</a></p>`}
    </main>`,
  };
}

/** One mail: how it looks, what it says as text, and its headers. */
export function mailView(
  { id, at, from, to, subject }: KeptMail,
  { headers, text, html: markup }: Pick<Email, 'headers' | 'text' | 'html'>,
): View {
  return {
    status: 200,
    kind: `mail-${id}`,
    title: subject,
    header: html`<a href="./">All mails</a>
      <h1>${subject || '(no subject)'}</h1>
      <span id="count">to ${to.join(', ')}, ${time(at)}</span>
      <a href="./${id}.eml" download>.eml</a>`,
    main: html`<main class="text wide">
      ${
        markup !== undefined &&
        html`<h2>HTML</h2>
          <iframe src="./${id}.html" sandbox title="The mail as HTML"></iframe>`
      }
      <h2>Text</h2>
      <pre>${text ?? ''}</pre>
      <h2>Headers</h2>
      <table class="list">
        ${row('Envelope', `from ${from || '<>'} to ${to.join(', ')}`)}
        ${headers.map(({ originalKey, value }) => row(originalKey, value))}
      </table>
    </main>`,
  };
}

export function missingView(): View {
  return {
    status: 404,
    kind: 'missing-mail',
    title: 'No such mail',
    header: html`<a href="./">All mails</a>
      <h1>No such mail</h1>
      <span id="count"></span>`,
    main: html`<main class="text"><p class="empty">There is no mail at this address.</p></main>`,
  };
}

function row(name: string, value: string): Html {
  return html`<tr>
    <td>${name}</td>
    <td>${value}</td>
  </tr>`;
}

/** `2026-11-24 21:36:04`, UTC. */
function time(at: string): string {
  return `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`;
}
