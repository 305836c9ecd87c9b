import { createHash } from 'node:crypto';
import type { Submission } from 'formbus';
import type { SendMailOptions } from 'nodemailer/lib/mailer';
import { escapeHtml } from '../../../lib/runtime/escape-html.ts';
import type { FormWords } from './form-words.ts';
import type { Mailbox } from './mailbox.ts';

export interface MessageOptions {
  event: Submission;
  words: FormWords;
  /** One valid address. */
  to: string;
  from: Mailbox;
  replyTo: Mailbox | undefined;
  now: Date;
}

/**
 * The mail that confirms a submission. It holds the form's words and ours, and nothing that the person typed: otherwise anybody could
 * enter another person's address and have us deliver a message.
 */
export function confirmationMail({ event, words, to, from, replyTo, now }: MessageOptions): SendMailOptions {
  const { title: form, subject, intro, outro } = words;
  const before = paragraphs(intro ?? `we have received your submission of the form “${form}”.`);
  const after = outro === undefined ? [] : paragraphs(outro);
  const facts: Fact[] = [
    ['Reference', event.id],
    ['Received', `${received.format(new Date(event.time))} (UTC)`],
  ];
  return {
    messageId: `<${idOf(event)}@${from.address.slice(from.address.lastIndexOf('@') + 1)}>`,
    date: now,
    from,
    to: { name: '', address: to },
    ...(replyTo ? { replyTo } : {}),
    envelope: { from: from.address, to: [to] },
    subject: subject ?? `We have received your submission: ${form}`,
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
    text: textOf(before, facts, after),
    html: htmlOf(before, facts, after),
  };
}

type Fact = [name: string, value: string];

const greeting = 'Hello,';
const footer =
  'This mail was sent automatically. If you did not fill in this form, somebody entered your address by mistake; there is nothing that you need to do.';

function textOf(before: string[], facts: Fact[], after: string[]): string {
  const lines = facts.map(([name, value]) => `${`${name}:`.padEnd(11)}${value}`);
  return [greeting, ...before, lines.join('\n'), ...after, footer].join('\n\n');
}

/** Mail programs support little CSS: a plain column without colours, which suits dark and light backgrounds. */
function htmlOf(before: string[], facts: Fact[], after: string[]): string {
  const rows = facts.map(
    ([name, value]) =>
      `<tr><td style="padding:2px 16px 2px 0;opacity:.7">${name}</td><td style="padding:2px 0;overflow-wrap:anywhere">${escapeHtml(value)}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"></head>
<body style="margin:0;padding:24px;font:16px/1.5 system-ui,sans-serif">
<div style="max-width:560px">
${[greeting, ...before].map(paragraph).join('\n')}
<table role="presentation" style="margin:24px 0;border-collapse:collapse">
${rows.join('\n')}
</table>
${after.map(paragraph).join('\n')}
<p style="margin-top:32px;font-size:13px;opacity:.7">${escapeHtml(footer)}</p>
</div>
</body>
</html>
`;
}

/** The event's id where a Message-ID may hold it (RFC 5322, 3.6.4), otherwise its digest: the same for each try. */
function idOf({ id }: Submission): string {
  return /^[\w-]{1,100}$/.test(id) ? id : createHash('sha256').update(id).digest('hex');
}

const received = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' });

function paragraphs(text: string): string[] {
  return text.trim().split(/\n{2,}/);
}

function paragraph(text: string): string {
  return `<p>${escapeHtml(text).replaceAll('\n', '<br>')}</p>`;
}
