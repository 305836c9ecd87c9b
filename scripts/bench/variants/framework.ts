import { http } from '@google-cloud/functions-framework';
import { getTestServer } from '@google-cloud/functions-framework/testing';
import { accept, listening } from './accepted.ts';

/** functions-framework as its CLI sets it up, with a function that only answers. */
http('empty', (_, res) => accept(res));
getTestServer('empty').listen(listening);
