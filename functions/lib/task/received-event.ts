import { CloudEvent, HTTP, type CloudEventV1 } from 'cloudevents';
import { Refused } from '../runtime/errors.ts';
import type { HttpRequest } from '../serve/http.ts';

/**
 * Reads a CloudEvent from a request in binary or structured mode.
 * @throws Refused when the request holds no single valid CloudEvent
 */
export function eventOf({ headers, body }: Pick<HttpRequest, 'headers' | 'body'>): CloudEventV1<unknown> {
  try {
    const event = HTTP.toEvent({ headers, body: body.toString('utf8') });
    if (Array.isArray(event)) throw new TypeError('a batch of events');
    if (event instanceof CloudEvent) event.validate();
    return event;
  } catch (cause) {
    throw new Refused('The request is not a CloudEvent in binary or structured mode.', { cause });
  }
}
