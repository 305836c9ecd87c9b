import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import { student } from '../../../functions/testing/sink.ts';
import { emailOf, kindOf, nameOf } from './people.ts';
import type { Submitted } from './submitted.ts';

export interface Submitter {
  submitted: Submitted;
  /** How many submissions were begun. */
  count(): number;
  /** Answers other than 202, by status; a submission that is sent again counts for each answer. */
  refused: Record<string, number>;
  /** Requests whose connection broke, or that were not answered in time. */
  unanswered(): number;
  /** Answers that a form must not return, as text, with their number. */
  broken: Record<string, number>;
  /** Begins the submissions that are due after so many milliseconds. */
  upTo(elapsedMs: number): void;
  /** Resolves when each submission has its last answer, or was given up. */
  settled(): Promise<void>;
}

export const forms = ['demo-form', 'student-data-form'];
/** Its mails have the longest texts that are allowed. Only a campaign has this form. */
export const longWordsForm = 'long-words-form';
export const formsOfCampaign = [...forms, longWordsForm];

/** Longer than the 30 s within which a form answers. */
const answerMs = 40_000;
const againMs = 2_000;
const mostTries = 8;
/** 408: the runner's gateway was frozen while it passed the body on, for longer than the form waits. */
const notNow = [408, 503];
/** As many as arrive while a form is frozen beyond its time-out. More would only load this machine. */
const mostOpen = 2_000;

/**
 * Submits at a rate, without waiting for answers, unless too many are open. A fifth of the valid submissions has an idempotency key and is
 * repeated until it is accepted; a third of these is sent twice at the same time.
 * @param rate submissions a second
 */
export function openSubmitter({
  url,
  forms,
  rate,
  aborted,
}: {
  url: string;
  /** They take turns. */
  forms: string[];
  rate: number;
  aborted: AbortSignal;
}): Submitter {
  const submitted: Submitted = { accepted: new Map(), unknown: new Set() };
  const refused: Record<string, number> = {};
  const broken: Record<string, number> = {};
  const open = new Set<Promise<void>>();
  // node:http, because fetch takes twice the processor time, which the Formbus under test needs.
  const agent = new Agent({ keepAlive: true });
  let [count, due, unanswered] = [0, 0, 0];

  /** The status, undefined when there was no answer. */
  async function post(form: string, name: string, body: unknown, key?: string): Promise<number | undefined> {
    try {
      const headers = { 'content-type': 'application/json', ...(key ? { 'idempotency-key': key } : {}) };
      const signal = AbortSignal.timeout(answerMs);
      const outgoing = request(`${url}/${form}/`, { method: 'POST', agent, headers, signal });
      // A failure before the answer is handled below, a later one where the answer is read.
      outgoing.on('error', () => {}).end(JSON.stringify(body));
      const [answer]: IncomingMessage[] = await once(outgoing, 'response');
      const [status, said] = [answer?.statusCode ?? 0, answer ? await text(answer) : ''];
      if (status === 202) submitted.accepted.set(v.parse(Accepted, said).id, name);
      else refused[status] = (refused[status] ?? 0) + 1;
      return status;
    } catch {
      unanswered += 1;
      return undefined;
    }
  }

  function expectOneOf(expected: number[], status: number | undefined, whose: string) {
    if (status === undefined || expected.includes(status)) return;
    const label = `${whose} was answered ${status}`;
    broken[label] = (broken[label] ?? 0) + 1;
  }

  async function submitOne(n: number): Promise<void> {
    const form = forms[n % forms.length] ?? '';
    const [kind, name] = [kindOf(n), nameOf(n)];
    // The name in two fields finds a value in the wrong column. Only a robot fills in the invisible `_url`.
    const url = kind === 'suspected' ? { _url: 'http://spam.example' } : {};
    const fields = { ...student, name, roll: name, message: name, email: emailOf(n), ...url };
    if (kind === 'invalid') {
      expectOneOf([422, ...notNow], await post(form, name, { ...fields, name: '' }), 'an invalid submission');
      return;
    }
    const key = n % 5 === 1 ? `key ${n}` : undefined;
    for (let tries = 1; ; tries += 1) {
      const times = key && n % 3 === 0 ? 2 : 1;
      const statuses = await Promise.all(Array.from({ length: times }, () => post(form, name, fields, key)));
      for (const status of statuses) expectOneOf([202, ...notNow], status, 'a valid submission');
      if (statuses.includes(202)) return;
      // After a 503 the submission may still have been stored.
      if (!key || tries === mostTries || aborted.aborted) return void submitted.unknown.add(name);
      await sleep(againMs);
    }
  }

  return {
    submitted,
    refused,
    broken,
    count: () => count,
    unanswered: () => unanswered,
    upTo(elapsedMs) {
      for (; due < (elapsedMs / 1_000) * rate; due += 1) {
        if (open.size >= mostOpen) continue;
        const one = submitOne((count += 1)).finally(() => open.delete(one));
        open.add(one);
      }
    },
    async settled() {
      await Promise.all(open);
      agent.destroy();
    },
  };
}

const Accepted = v.pipe(v.string(), v.parseJson(), v.object({ id: v.string() }));
