// A process of its own for tests that kill the SMTP server: `testing-child.ts DIR`, sends its URL when ready.
import { startMails } from './server.ts';

const [dir = ''] = process.argv.slice(2);
const { url } = await startMails({ dir });
process.send?.(url);
