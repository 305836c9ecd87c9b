import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { student } from '../../../functions/testing/sink.ts';
import { compare } from '../../chaos/judge/compare.ts';
import { forms, openSubmitter } from '../../chaos/traffic/submitter.ts';
import type { KafkaServer } from '../../runner/kafka/server/server.ts';
import { startFormbus, dataFolder, type StartedFormbus } from '../../testing/formbus.ts';
import { describeKafka, kafkaStartMs, kafkaTool, startTestKafka } from '../../testing/kafka.ts';

const soon = { timeout: 240_000, interval: 500 };
/** A form has to answer within 5 s; the rest is for this machine to get round to it. */
const answerMs = 5_000 + 3_000;
/** What does not come, be it an answer or a status, is to fail the test, not to hang it. */
const patienceMs = 60_000;
const count = inject('isNightly') ? 5_000 : 2_000;

describeKafka('Formbus on three Kafka brokers', { timeout: 420_000 }, () => {
  let kafka: KafkaServer;
  let folder: Awaited<ReturnType<typeof dataFolder>>;
  let formbus: StartedFormbus;

  beforeAll(async () => {
    [kafka, folder] = await Promise.all([startTestKafka({ brokers: 3 }), dataFolder()]);
    formbus = await startFormbus(folder.path, { env: { KAFKA_BROKERS: kafka.url } });
  }, kafkaStartMs);
  afterAll(async () => {
    await formbus?.end('SIGTERM');
    await kafka?.close();
    await folder?.remove();
  }, kafkaStartMs);

  /** Submits `count` at a rate, or as fast as answers come; `meanwhile` receives how many were begun. */
  async function submit(count: number, rate: number, meanwhile: (begun: number) => void) {
    const submitter = openSubmitter({ url: formbus.url, forms, rate, aborted: new AbortController().signal });
    const begin = performance.now();
    while (submitter.count() < count) {
      submitter.upTo(performance.now() - begin);
      meanwhile(submitter.count());
      await sleep(5);
    }
    await submitter.settled();
    return submitter;
  }

  const rows = () => Promise.all([...forms, 'Moderation'].map((tab) => formbus.rows(tab)));
  const post = (form = 'student-data-form') =>
    fetch(`${formbus.url}/${form}/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...student, message: 'x' }),
      signal: AbortSignal.timeout(patienceMs),
    });
  const topic = (change: string) =>
    kafkaTool(
      'kafka.admin.ConfigCommand',
      `--bootstrap-server ${kafka.url} --entity-type topics --entity-name form-submissions --alter ${change}`,
    );

  it(`loses and doubles nothing of ${count} while a leader is killed and comes back`, async () => {
    const [leader] = kafka.brokers;
    const steps = [
      { at: count * 0.3, act: async () => leader?.kill() },
      { at: count * 0.6, act: async () => leader?.restart() },
    ];
    let acting = Promise.resolve();
    const submitter = await submit(count, 150, (begun) => {
      if (steps[0] && begun >= steps[0].at) {
        const { act } = steps.shift() ?? { act: async () => {} };
        acting = acting.then(act);
      }
    });
    await acting;
    const { submitted, broken } = submitter;
    expect(broken).toEqual({});
    expect(submitted.accepted.size).toBeGreaterThan(count / 2);
    await expect
      .poll(async () => {
        await formbus.flush();
        return compare(submitted, await rows()).lost.length;
      }, soon)
      .toBe(0);
    expect(compare(submitted, await rows())).toMatchObject({ lost: [], duplicated: [], wrong: [] });
    expect(await formbus.deadLetters()).toEqual([]);
  });

  it('answers 503 while too few replicas are in sync, and loses and dead-letters nothing', async () => {
    await topic('--add-config min.insync.replicas=3');
    const [, broker] = kafka.brokers;
    await broker?.kill();
    const accepted: string[] = [];
    const submitUntil = async (status: number) => {
      const begin = performance.now();
      while (performance.now() - begin < patienceMs) {
        const answer = await post();
        if (answer.status === 202) accepted.push(String(Object(await answer.json()).id));
        else expect(answer.status).toBe(503);
        if (answer.status === status) return answer;
      }
      throw new Error(`no answer was ${status}`);
    };
    const refused = await submitUntil(503);
    expect(refused.headers.get('retry-after')).toBe('2');
    await broker?.restart();
    await submitUntil(202);
    await topic('--delete-config min.insync.replicas');
    await expect
      .poll(async () => {
        await formbus.flush();
        const there = new Set((await formbus.rows('student-data-form')).map(({ id }) => id));
        return accepted.filter((id) => !there.has(id));
      }, soon)
      .toEqual([]);
    expect(await formbus.deadLetters()).toEqual([]);
  });

  it('answers 503 in time while all brokers are away for 20 s, keeps its memory bounded, and recovers by itself', async () => {
    expect((await post()).status).toBe(202);
    const { pids: before } = await formbus.status('student-data-form');
    for (const broker of kafka.brokers) broker.freeze();
    const begin = performance.now();
    const answers: Promise<{ status: number; ms: number }>[] = [];
    const memory: number[] = [];
    while (performance.now() - begin < 20_000) {
      const started = performance.now();
      answers.push(post().then(({ status }) => ({ status, ms: performance.now() - started })));
      memory.push(Math.max(0, ...before.map(residentMb)));
      await sleep(10);
    }
    for (const broker of kafka.brokers) broker.thaw();
    const told = await Promise.all(answers);
    expect(told.length).toBeGreaterThan(500);
    expect(told.filter(({ status }) => status !== 503 && status !== 202)).toEqual([]);
    expect(told.filter(({ status }) => status === 503).length).toBeGreaterThan(300);
    expect(told.filter(({ ms }) => ms > answerMs)).toEqual([]);
    expect(Math.max(...memory) - (memory[0] ?? 0)).toBeLessThan(100);
    await expect.poll(async () => (await post()).status, soon).toBe(202);
    expect((await formbus.status('student-data-form')).pids).toEqual(expect.arrayContaining(before));
  });
});

function residentMb(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;
  } catch {
    return 0;
  }
}
