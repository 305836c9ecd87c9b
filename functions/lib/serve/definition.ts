import type { EnvEntries } from '../runtime/env.ts';
import type { Log } from '../runtime/log.ts';
import type { HttpAnswer, HttpError, HttpRequest } from './http.ts';
import type { BodyLimits } from './read-body.ts';

/** A function that `serve` can run: a form or a task. */
export interface FunctionDefinition {
  /** The one name: folder, file, FUNCTION_TARGET, manifest. */
  name: string;
  env: EnvEntries;
  limits: BodyLimits;
  /** Opens what the function needs. `env` is the checked environment. */
  start(env: Record<string, unknown>, log: Log): Promise<RunningFunction> | RunningFunction;
  /** The answer to this function's callers for an error of the given status. */
  answerError(error: HttpError, request: Pick<HttpRequest, 'headers'>): HttpAnswer;
  /** Called with each answer, to count it. `seconds` since the body was complete. */
  answered?(answer: { method: string; status: number; reason?: string | undefined; seconds: number }): void;
}

export interface RunningFunction {
  handle(request: HttpRequest): Promise<HttpAnswer> | HttpAnswer;
  /** Completes every answer, errors included. */
  complete?(answer: HttpAnswer, request: Pick<HttpRequest, 'headers'>): HttpAnswer;
  close?(): Promise<void>;
}
