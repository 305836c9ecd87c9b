import type { EnvEntries } from '../runtime/env.ts';
import type { Log } from '../runtime/log.ts';
import type { HttpAnswer, HttpError, HttpRequest } from './http.ts';
import type { BodyLimits } from './read-body.ts';

/** A function that `serve` can run: a form or a task. */
export interface FunctionDefinition {
  /** Also the name of the folder, the file, FUNCTION_TARGET and the manifest. */
  name: string;
  env: EnvEntries;
  limits: BodyLimits;
  /** Opens what the function needs. `env` is the checked environment. */
  start(env: Record<string, unknown>, log: Log): Promise<RunningFunction> | RunningFunction;
  /** How this function words an error for its callers. */
  answerError(error: HttpError, request: Pick<HttpRequest, 'headers'>): HttpAnswer;
  /** Counts an answer. `seconds` since the body was complete. */
  answered?(answer: { method: string; status: number; reason?: string | undefined; seconds: number }): void;
}

export interface RunningFunction {
  handle(request: HttpRequest): Promise<HttpAnswer> | HttpAnswer;
  /** Completes every answer, errors included. */
  complete?(answer: HttpAnswer, request: Pick<HttpRequest, 'headers'>): HttpAnswer;
  close?(): Promise<void>;
}
