import type { IncomingMessage, ServerResponse } from 'node:http';
import * as v from 'valibot';
import { Fault, faultHelp, type Faults } from './faults.ts';
import { readBody, sendJson } from './http.ts';

const Body = v.union([
  v.array(Fault),
  v.pipe(
    Fault,
    v.transform((fault) => [fault]),
  ),
]);

/** `GET` lists the faults that wait, `POST` adds one or a list of them, `DELETE` removes all. */
export async function handleFaults(faults: Faults, req: IncomingMessage, res: ServerResponse): Promise<void> {
  if (req.method === 'POST') {
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Body), (await readBody(req)).toString());
    if (!parsed.success) {
      const detail = `That is no fault: ${parsed.issues.map(({ message }) => message).join('; ')}`;
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
