import { createServer } from 'node:http';
import { accept, listening } from './accepted.ts';

/** The floor: reads the body and answers. */
createServer((req, res) => {
  req.resume().on('end', () => accept(res));
}).listen(listening);
