import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { CloudEvent } from '../../events/cloud-event.ts';
import { Unchecked, until, type SuiteFormbus } from './formbus.ts';
import { refusedType, refusingTask, refusingTaskResources } from './refusing-task.ts';

/** One run of the suite: its Formbus, and the ids that were accepted so far. */
export interface Run {
  formbus: SuiteFormbus;
  accepted: Set<string>;
}

export interface Case {
  title: string;
  /** @throws Unchecked when a part of it cannot be observed from here; Error when something is wrong */
  check(run: Run): Promise<void>;
}

const form = 'demo-form';
const task = 'demo-task';

/** In this order: each case relies on the ones before it. */
export const cases: Case[] = [
  {
    title: 'from zero instances, a submission is accepted at the first try, and its task sees it',
    async check({ formbus, accepted }) {
      for (const service of [form, task]) await untilNothing(formbus, service);
      const { status, id = '' } = await formbus.submit(form, { name: 'suite', message: 'from nothing' });
      assert.equal(status, 202);
      accepted.add(id);
      await until(formbus.pace, `${task} has seen ${id}`, () => formbus.hasLogged(task, id));
      assert.ok((await formbus.instances(form)) >= 1, `${form} has an instance after a submission`);
    },
  },
  {
    title: 'an accepted submission is in the sheet after a flush, once',
    async check(run) {
      await submitUntilTaken(run, 'a row');
      await standOnce(run);
    },
  },
  {
    title: 'a form scales out under load, and back to zero',
    async check({ formbus, accepted }) {
      const over = new AbortController();
      const people = Array.from({ length: 150 }, async () => {
        while (!over.signal.aborted) {
          // A submission whose connection broke was not accepted.
          const answer = await formbus.press(form, { name: 'suite', message: 'load' }).catch(() => undefined);
          if (answer?.status === 202 && answer.id !== undefined) accepted.add(answer.id);
          assert.ok([202, 429, 503, undefined].includes(answer?.status), `answered ${answer?.status}`);
        }
      });
      const goesOut = until(formbus.pace, `${form} has two instances or more`, async () => {
        return (await formbus.instances(form)) > 1;
      });
      await Promise.all([goesOut.finally(() => over.abort()), ...people]);
      await untilNothing(formbus, form);
    },
  },
  {
    title:
      'an event that a task refuses is a dead letter with the reason; redriven after the repair, it is done',
    async check({ formbus }) {
      const { image, letters, pace } = formbus;
      const resources = refusingTaskResources({ image, isRepaired: false });
      try {
        await formbus.apply(resources);
        // On a cluster a new Trigger sees only events that arrive after its consumer has started.
        const published: string[] = [];
        const publishAgain = async () => {
          const event = eventFor(`suite-${randomUUID()}`);
          published.push(event.attributes['id'] ?? '');
          await formbus.publish(event);
        };
        let looks = 0;
        const letter = await until(pace, `a dead letter of ${refusingTask}`, async () => {
          if (looks++ % 20 === 0) await publishAgain();
          return (await letters.list()).find(({ event }) => published.includes(event));
        });
        assert.deepEqual(
          [letter.task, letter.code, letter.reason, letter.redrivenAt, letter.type],
          [refusingTask, '400', 'this task refuses everything', '', refusedType],
        );
        await formbus.apply(refusingTaskResources({ image, isRepaired: true }));
        const all = (await letters.list()).filter(({ event }) => published.includes(event));
        assert.equal(await letters.redrive(all), all.length);
        const taken = `taken ${letter.event}`;
        await until(pace, `${refusingTask} has ${taken}`, () => formbus.hasLogged(refusingTask, taken));
        const after = (await letters.list()).find(({ id }) => id === letter.id);
        assert.notEqual(after?.redrivenAt, '', 'the letter is marked as sent again');
      } finally {
        await formbus.remove(resources);
      }
    },
  },
  {
    title: 'after the loss of the Redis master under load every accepted submission is in the sheet once',
    async check(run) {
      const over = new AbortController();
      const person = async () => {
        while (!over.signal.aborted) await submitUntilTaken(run, 'while the master is lost');
      };
      const isLost = run.formbus.loseMaster().finally(() => over.abort());
      await Promise.all([isLost, person(), person()]);
      await submitUntilTaken(run, 'after the master was lost');
      await standOnce(run);
    },
  },
  {
    title: 'at the end nothing is lost or duplicated, and the audit agrees',
    async check(run) {
      await standOnce(run);
      if (!run.formbus.audit) throw new Unchecked('npm run audit reads the log of an npm start');
      assert.deepEqual(await run.formbus.audit(), []);
    },
  },
];

async function untilNothing({ pace, instances }: SuiteFormbus, service: string) {
  await until(pace, `${service} has no instance`, async () => (await instances(service)) === 0);
}

/** Submits until it is accepted, as a patient person would. */
async function submitUntilTaken({ formbus, accepted }: Run, message: string) {
  const id = await until(formbus.pace, `${form} takes a submission`, async () => {
    const answer = await formbus.submit(form, { name: 'suite', message });
    return answer.status === 202 && answer.id;
  });
  accepted.add(id);
}

/** Checks all ids that were accepted in this run. @throws Error that names lost and duplicated ones */
async function standOnce({ formbus, accepted }: Run) {
  const { rows } = formbus;
  if ('unreadable' in rows) throw new Unchecked(rows.unreadable);
  // Each flush uses Google's quota.
  const pace = { ...formbus.pace, everyMs: 5 * formbus.pace.everyMs };
  await until(pace, 'every accepted submission is in the sheet once', async () => {
    await formbus.flush();
    const counts = await rows.count(form);
    const duplicated = [...accepted].filter((id) => (counts.get(id) ?? 0) > 1);
    assert.deepEqual(duplicated, [], 'duplicated rows');
    const missing = [...accepted].filter((id) => !counts.has(id));
    if (missing.length > 0)
      throw new Error(`missing: ${missing.length} of ${accepted.size}, as ${missing.slice(0, 3).join(', ')}`);
    return true;
  });
}

function eventFor(id: string): CloudEvent {
  const attributes = {
    specversion: '1.0',
    id,
    type: refusedType,
    source: '/suite',
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    partitionkey: id,
  };
  return { attributes, data: Buffer.from('{}') };
}
