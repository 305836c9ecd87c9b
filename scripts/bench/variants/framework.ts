import { http } from '@google-cloud/functions-framework';
import { getTestServer } from '@google-cloud/functions-framework/testing';

/** functions-framework as its CLI sets it up, with a function that does nothing. */
http('empty', (_, res) => void res.status(202).end());
getTestServer('empty').listen(Number(process.env['PORT']), '127.0.0.1');
