import { createServer } from 'node:http';

/** The floor: reads the body and answers. */
createServer((req, res) => {
  req.resume().on('end', () => res.writeHead(202).end());
}).listen(Number(process.env['PORT']), '127.0.0.1');
