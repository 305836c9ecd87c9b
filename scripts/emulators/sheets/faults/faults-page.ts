import type { IncomingMessage, ServerResponse } from 'node:http';
import * as v from 'valibot';
import { Fault, faultHelp, type Faults } from './faults.ts';
import { readBody, sendJson } from '../http.ts';

const Body = v.pipe(
  v.string(),
  v.parseJson(),
  // An array first, or a mistake in a fault would be called none of the two.
  v.transform((faults) => [faults].flat()),
  v.array(Fault),
);

/** `GET` lists the faults that wait, `POST` adds one or a list of them, `DELETE` removes all. */
export async function handleFaults(faults: Faults, req: IncomingMessage, res: ServerResponse): Promise<void> {
  if (req.method === 'POST') {
    const parsed = v.safeParse(Body, (await readBody(req)).toString());
    if (!parsed.success) {
      const detail = `That is not a fault: ${parsed.issues.map(({ message }) => message).join('; ')}`;
      return sendJson(res, 400, {
        type: 'about:blank',
        title: 'Bad Request',
        status: 400,
        detail,
        kinds: faultHelp,
      });
    }
    faults.add(parsed.output);
  } else if (req.method === 'DELETE') {
    faults.clear();
  }
  sendJson(res, 200, { waiting: faults.list(), kinds: faultHelp });
}
