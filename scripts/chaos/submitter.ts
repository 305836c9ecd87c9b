import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import { student } from '../../functions/testing/sink.ts';
import type { Submitted } from './compare.ts';

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

export const forms = ['demo-form', 'student-data-form'] as const;

/** Longer than a form's own 30 s. */
const answerMs = 40_000;
const againMs = 2_000;
const mostTries = 8;

/**
 * Submits at a rate, whether or not earlier ones were answered. Every fiftieth is invalid. Of the others a fifth has an
 * idempotency key and is sent again until it is answered for good; of these a third is sent twice at the same time.
 * @param rate submissions a second
 */
export function openSubmitter({
  url,
  rate,
  aborted,
}: {
  url: string;
  rate: number;
  aborted: AbortSignal;
}): Submitter {
  const submitted: Submitted = { accepted: new Map(), unknown: new Set() };
  const refused: Record<string, number> = {};
  const broken: Record<string, number> = {};
  const open = new Set<Promise<void>>();
  let count = 0;
  let unanswered = 0;

  /** The status, undefined when there was no answer. */
  async function post(form: string, name: string, body: unknown, key?: string): Promise<number | undefined> {
    try {
      const answer = await fetch(`${url}/${form}/`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(key ? { 'idempotency-key': key } : {}) },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(answerMs),
      });
      const text = await answer.text();
      if (answer.status === 202) submitted.accepted.set(v.parse(Accepted, text).id, name);
      else refused[answer.status] = (refused[answer.status] ?? 0) + 1;
      return answer.status;
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
    const form = forms[n % forms.length] ?? forms[0];
    const name = `person ${n}`;
    // In two fields, so that a value in another field's column is found.
    const fields = { ...student, name, roll: name, message: name };
    if (n % 50 === 0) {
      expectOneOf([422, 503], await post(form, name, { ...fields, name: '' }), 'an invalid one');
      return;
    }
    const key = n % 5 === 1 ? `key ${n}` : undefined;
    for (let tries = 1; ; tries += 1) {
      const times = key && n % 3 === 0 ? 2 : 1;
      const statuses = await Promise.all(Array.from({ length: times }, () => post(form, name, fields, key)));
      for (const status of statuses) expectOneOf([202, 503], status, 'a valid one');
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
      while (count < (elapsedMs / 1_000) * rate) {
        const one = submitOne((count += 1)).finally(() => open.delete(one));
        open.add(one);
      }
    },
    async settled() {
      await Promise.all(open);
    },
  };
}

const Accepted = v.pipe(v.string(), v.parseJson(), v.object({ id: v.string() }));
