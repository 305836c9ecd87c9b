import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import { student } from '../../../functions/testing/sink.ts';
import type { Submitted } from '../judge/compare.ts';
import { emailOf, kindOf, nameOf } from './people.ts';

export interface Submitter {
  submitted: Submitted;
  /** How many submissions were begun. */
  count(): number;
  /** Answers other than 202, by status; a submission that is sent again may have several. */
  refused: Record<string, number>;
  /** Requests whose connection broke, or that were not answered in time. */
  unanswered(): number;
  /** Answers that break the form's promise, in words, and how often they came. */
  broken: Record<string, number>;
  /** Begins what is due after so many milliseconds. */
  upTo(elapsedMs: number): void;
  /** Resolves when all is answered or given up. */
  settled(): Promise<void>;
}

export const forms = ['demo-form', 'student-data-form'];
/** Its mails have words as long as they may be. Only a campaign has it. */
export const longWordsForm = 'long-words-form';
export const formsOfCampaign = [...forms, longWordsForm];

/** Longer than a form's own 30 s. */
const answerMs = 40_000;
const againMs = 2_000;
const mostTries = 8;
/** 408 when the one that passes the body on is frozen in the midst of it, for longer than a form waits. */
const notNow = [408, 503];
/** As many as come while a form is frozen beyond its time-out. More would only keep this machine busy with waiting. */
const mostOpen = 2_000;

/**
 * Submits at a rate, whether or not earlier ones were answered, as long as not too many are open. Of those that are not invalid a fifth has an
 * idempotency key and is sent again until it is answered for good; of these a third is sent twice at the same time.
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
  // By node:http: fetch would take from the Formbus under test twice as much of the processor.
  const agent = new Agent({ keepAlive: true });
  let [count, due, unanswered] = [0, 0, 0];

  /** The status, undefined when there was no answer. */
  async function post(form: string, name: string, body: unknown, key?: string): Promise<number | undefined> {
    try {
      const headers = { 'content-type': 'application/json', ...(key ? { 'idempotency-key': key } : {}) };
      const signal = AbortSignal.timeout(answerMs);
      const outgoing = request(`${url}/${form}/`, { method: 'POST', agent, headers, signal });
      // Before its answer a failure is met below, after it by who reads the answer.
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
    // In two fields, so that a value in another field's column is found. Only robots fill in `_url`, which nobody sees.
    const url = kind === 'suspected' ? { _url: 'http://spam.example' } : {};
    const fields = { ...student, name, roll: name, message: name, email: emailOf(n), ...url };
    if (kind === 'invalid') {
      expectOneOf([422, ...notNow], await post(form, name, { ...fields, name: '' }), 'an invalid one');
      return;
    }
    const key = n % 5 === 1 ? `key ${n}` : undefined;
    for (let tries = 1; ; tries += 1) {
      const times = key && n % 3 === 0 ? 2 : 1;
      const statuses = await Promise.all(Array.from({ length: times }, () => post(form, name, fields, key)));
      for (const status of statuses) expectOneOf([202, ...notNow], status, 'a valid one');
      if (statuses.includes(202)) return;
      // A 503 says that nobody acknowledged in time, not that nothing was stored.
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
