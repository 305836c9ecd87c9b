import { html, type Html } from '../../emulators/web/html.ts';
import { exampleCurl } from './example.ts';
import type { GatewayParts } from './parts.ts';

/** The page at `/`: where everything is. */
export function indexPage(
  { forms, services, deadLetters, schedules, sheets, mails }: GatewayParts,
  host: string,
): string {
  const rows = services.status().map(
    ({ name, instances, starting, inFlight, queued, coldStarts }) =>
      html`<tr>
        <td>${name}</td>
        ${[instances + starting, inFlight, queued, coldStarts].map((n) => html`<td>${n}</td>`)}
      </tr>`,
  );
  const curl = exampleCurl(forms, `http://${host}`);
  return page(
    html`<h1>Formbus</h1>
      <h2>Forms</h2>
      <ul>
        ${forms.map((name) => html`<li><a href="/${name}/">${name}</a></li>`)}
      </ul>
      ${curl !== undefined && html`<pre>${curl}</pre>`}
      <h2>What came of it</h2>
      <ul>
        ${sheets ? html`<li><a href="/_/sheets/">Sheets</a></li>` : html`<li>Sheets: in Google Sheets</li>`}
        ${mails && html`<li><a href="/_/mails/">Mails</a></li>`}
        <li><a href="/_/dead-letters">Dead letters</a> (${deadLetters().length})</li>
        <li><a href="/_/schedules">Schedules</a></li>
      </ul>
      ${schedules
        .status()
        .map(({ name }) => html`<pre>curl -X POST http://${host}/_/schedules/${name}   # fire it now</pre>`)}
      <h2>Services</h2>
      <div class="wide" tabindex="0" role="region" aria-label="Services">
        <table>
          <tr>
            <th scope="col">Service</th>
            <th scope="col">Instances</th>
            <th scope="col">In flight</th>
            <th scope="col">Waiting</th>
            <th scope="col">Cold starts</th>
          </tr>
          ${rows}
        </table>
      </div>
      <p><a href="/_/services">as JSON</a></p>`,
  );
}

/** For a browser: there is no page at this address. */
export function missingPage(detail: string): string {
  return page(
    html`<h1>Not found</h1>
      <p>${detail}</p>
      <p><a href="/">Where everything is</a></p>`,
  );
}

function page(body: Html): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>Formbus</title>
        <style>
          :root {
            color-scheme: light dark;
          }
          body {
            font:
              1rem/1.5 system-ui,
              sans-serif;
            max-width: 44rem;
            margin: 2rem auto;
            padding: 0 1rem;
            color: light-dark(#1c2430, #e3e6ea);
            background: light-dark(#fff, #16181c);
          }
          h1 {
            font-size: 1.6rem;
          }
          h2 {
            font-size: 1.1rem;
            margin-top: 2rem;
          }
          a {
            color: light-dark(#0b57d0, #8ab4f8);
          }
          li {
            margin: 0.25rem 0;
          }
          pre {
            background: light-dark(#f1f4f8, #21252b);
            padding: 0.8rem 1rem;
            border-radius: 0.4rem;
            overflow-x: auto;
          }
          .wide {
            overflow-x: auto;
          }
          table {
            border-collapse: collapse;
            width: 100%;
          }
          th,
          td {
            text-align: right;
            padding: 0.3rem 0.5rem;
            border-bottom: 1px solid light-dark(#dde3ea, #33383f);
          }
          th:first-child,
          td:first-child {
            text-align: left;
          }
        </style>
      </head>
      <body>
        ${body}
      </body>
    </html> `.text;
}
