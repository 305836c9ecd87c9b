import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerProblem } from '../../emulators/web/problem.ts';
import { answerJson, answerMissing, answerText, only, redirect } from './answers.ts';
import type { GatewayParts } from './parts.ts';
import { readRedelivery, readRedrive } from './redelivery-request.ts';

/** What the runner knows, below `/_`: figures, events, dead letters, schedules, and the emulators' pages. */
export function runnerPages(
  parts: GatewayParts,
  req: IncomingMessage,
  res: ServerResponse,
  path: string,
): void {
  const json = (value: unknown) => only(['GET', 'HEAD'], req, res, () => answerJson(res, value));
  if (path === '/healthz') return json({ status: 'ok' });
  if (path === '/metrics') return only(['GET', 'HEAD'], req, res, () => void metrics(parts, res));
  if (path === '/waiting') return only(['GET', 'HEAD'], req, res, () => void waiting(parts, res));
  if (path === '/services') return json(parts.services.status());
  const { searchParams: query } = new URL(req.url ?? '', 'http://localhost');
  if (path === '/dead-letters') {
    const before = query.get('before');
    if (before === null) return json(parts.deadLetters());
    if (!isPlace(before)) return answerProblem(res, 400, 'before is the id of a dead letter.');
    return json(parts.deadLetters(Number(before)));
  }
  if (path === '/dead-letters/redrive') return only(['POST'], req, res, () => void redrive(parts, req, res));
  if (path === '/events') {
    const after = query.get('after') ?? '0';
    if (!isPlace(after)) return answerProblem(res, 400, 'after is the seq of an event.');
    return json(parts.events(Number(after)));
  }
  if (path === '/events/redeliver') return only(['POST'], req, res, () => void redeliver(parts, req, res));
  if (path === '/connections') return json(parts.connections);
  if (path === '/schedules') return json(parts.schedules.status());
  if (path.startsWith('/schedules/')) {
    return only(['POST'], req, res, () => void fire(parts, res, path.slice('/schedules/'.length)));
  }
  const { sheets, mails } = parts;
  if (path === '/sheets' && sheets) return redirect(res, '/_/sheets/');
  if (path.startsWith('/sheets/') && sheets) {
    if (sheets(req, res, path.slice('/sheets/'.length))) return undefined;
    return only(['GET', 'HEAD'], req, res, () => {});
  }
  if ((path === '/mails' || path.startsWith('/mails/')) && mails) {
    if (mails(req, res, path.slice('/mails'.length))) return undefined;
    return only(['GET', 'HEAD'], req, res, () => {});
  }
  answerMissing(req, res, `Not found: /_${path}.`);
}

const isPlace = (text: string) => /^\d{1,15}$/.test(text);

/** @param explain the detail of the problem that a failure of `answer` is */
async function orProblem(
  res: ServerResponse,
  status: number,
  explain: (reason: string) => string,
  answer: () => Promise<void>,
) {
  try {
    await answer();
  } catch (error) {
    answerProblem(res, status, explain(error instanceof Error ? error.message : String(error)));
  }
}

const asItIs = (reason: string) => reason;
const nothingQueued = (reason: string) => `Nothing was queued: ${reason}`;

const metrics = (parts: GatewayParts, res: ServerResponse) =>
  orProblem(res, 500, asItIs, async () => answerText(res, await parts.metrics()));

const waiting = (parts: GatewayParts, res: ServerResponse) =>
  orProblem(res, 503, asItIs, async () => answerJson(res, await parts.waiting()));

const redeliver = (parts: GatewayParts, req: IncomingMessage, res: ServerResponse) =>
  orProblem(res, 500, nothingQueued, async () => {
    const asked = await readRedelivery(req);
    if (typeof asked === 'string') return answerProblem(res, 400, asked);
    const queued = await parts.redeliver(asked.trigger, asked.seqs);
    if (queued === undefined) return answerProblem(res, 404, `There is no Trigger ${asked.trigger}.`);
    answerJson(res, { queued });
  });

const redrive = (parts: GatewayParts, req: IncomingMessage, res: ServerResponse) =>
  orProblem(res, 500, nothingQueued, async () => {
    const asked = await readRedrive(req);
    if (typeof asked === 'string') return answerProblem(res, 400, asked);
    answerJson(res, { queued: await parts.redrive(asked.ids) });
  });

/** A schedule that is fired by hand waits for what was submitted a moment ago, so that it meets that as well. */
async function fire({ schedules, delivered }: GatewayParts, res: ServerResponse, name: string) {
  const names = schedules.status().map((schedule) => schedule.name);
  if (!names.includes(name)) {
    return answerProblem(res, 404, `There is no schedule ${name}; there are ${names.join(', ') || 'none'}.`);
  }
  const unreachable = (reason: string) => `The sink of ${name} could not be reached: ${reason}`;
  await orProblem(res, 502, unreachable, async () => {
    await delivered();
    answerJson(res, await schedules.fire(name));
  });
}
