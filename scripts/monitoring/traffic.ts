import * as v from 'valibot';
import { student } from '../../functions/testing/sink.ts';
import { protectTab } from '../chaos/faults/owner.ts';
import type { StartedFormbus } from '../testing/formbus.ts';

const Connections = v.object({ broker: v.string(), services: v.string() });

/** A spreadsheet that does not exist. */
const MISSING = 'no-such-spreadsheet';

/**
 * Makes everything happen once that a metric counts: accepted, refused, duplicated, flagged, written, over the quota, parked, mailed,
 * undecided mails, later mails, dead letters. What cannot happen here is pushed as its function would.
 * @param data the folder of this Formbus
 */
export async function makeTraffic(formbus: StartedFormbus, data: string): Promise<void> {
  const answer = await fetch(`${formbus.url}/_/connections`);
  const { broker, services } = v.parse(Connections, await answer.json());
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(formbus.url + path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...headers },
    });
  const publish = (id: string, extensions: Record<string, string>, data: unknown) =>
    fetch(broker, {
      method: 'POST',
      body: JSON.stringify(data),
      headers: {
        'content-type': 'application/json',
        'ce-specversion': '1.0',
        'ce-type': 'form.submitted',
        'ce-source': '/forms/demo-form',
        'ce-id': id,
        'ce-time': new Date().toISOString(),
        'ce-form': 'demo-form',
        ...Object.fromEntries(Object.entries(extensions).map(([name, value]) => [`ce-${name}`, value])),
      },
    });

  await post('/_/mails/faults', [
    { kind: 'refuse', at: 'sender', code: 451 },
    { kind: 'refuse', code: 451 },
    { kind: 'drop-after' },
  ]);
  const key = { 'idempotency-key': crypto.randomUUID() };
  for (let i = 0; i < 2; i += 1) await post('/student-data-form/', student, key);
  await post('/student-data-form/', { ...student, name: 'What the fuck' });
  await post('/demo-form/', { name: 'Asha', message: 'hello' });
  await post('/demo-form/', { name: 'Asha' });
  await fetch(`${formbus.url}/demo-form/`, {
    method: 'POST',
    body: 'x',
    headers: { 'content-type': 'text/x' },
  });
  await publish(crypto.randomUUID(), {}, 'no fields at all');
  await publish(crypto.randomUUID(), { sheet: `${MISSING}/Tab` }, { name: 'Asha', message: 'hello' });
  // Protected once it exists, and therefore refused the next time.
  await publish(crypto.randomUUID(), { sheet: 'formbus/Closed' }, { name: 'Asha', message: 'hello' });
  await push(services, 'demo-form', [
    ['formbus_submissions_refused_total', ['demo-form', '503', 'not-acknowledged'], 1],
  ]);
  await push(services, 'audit', [
    ['formbus_audit_lost', ['demo-form'], 0],
    ['formbus_audit_duplicated', ['demo-form'], 0],
    ['formbus_audit_checked_submissions', ['demo-form'], 12],
    ['formbus_audit_timestamp_seconds', [], Math.round(Date.now() / 1_000)],
  ]);
  // The first flush exceeds the quota, the second does not.
  await post('/_/sheets/faults', { kind: 'quota' });
  for (let i = 0; i < 2; i += 1) await formbus.flush();
  protectTab(data, 'Closed');
}

/** Pushes as a function does: increments and gauges with the values of their labels. */
async function push(services: string, service: string, series: [string, string[], number][]) {
  const answer = await fetch(`${services}/metrics/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      service,
      process: crypto.randomUUID(),
      sequence: 1,
      series: series.map(([name, labels, value]) => ({ name, labels, value })),
    }),
  });
  if (!answer.ok) throw new Error(`metrics answered a push with ${answer.status}: ${await answer.text()}`);
}
