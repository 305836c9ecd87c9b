import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerProblem } from './problem.ts';

/** The names of this machine. Any other one may be a stranger's that leads here for a moment (DNS rebinding). */
const OWN = ['127.0.0.1', 'localhost', '[::1]'];

/**
 * Answers what a page of another site may have sent: a request for a host that is not this machine's, or one that changes something and
 * comes from another origin. A program such as curl sends no Origin.
 * @param host what the runner was told to listen on, which is a host of this machine as well
 * @returns whether it has answered
 */
export function refuseForeign(req: IncomingMessage, res: ServerResponse, host?: string): boolean {
  const given = host === undefined ? [] : [nameOf(host) ?? nameOf(`[${host}]`) ?? host];
  const own = [...new Set([...OWN, ...given])];
  const { host: asked = '', origin } = req.headers;
  if (!own.includes(nameOf(asked) ?? '')) {
    answerProblem(
      res,
      421,
      `This is for this machine alone: open it at ${own.join(', ')}. To open it at another address, start with --host ADDRESS.`,
    );
    return true;
  }
  const isReading = req.method === 'GET' || req.method === 'HEAD';
  if (isReading || origin === undefined || URL.parse(origin)?.host === asked.toLowerCase()) return false;
  answerProblem(res, 403, 'A page of another site may not do this.');
  return true;
}

/** A host in the one way in which URLs write it, without its port and a dot at the end; undefined when it is none. */
function nameOf(host: string): string | undefined {
  if (!/^[\w.:[\]-]+$/.test(host)) return undefined;
  return URL.parse(`http://${host}`)?.hostname.replace(/\.$/, '');
}
