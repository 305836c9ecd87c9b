// A process of its own for tests that kill the emulator: `testing-child.ts DIR SPREADSHEET`, sends its URL when ready.
import { startSheets } from './server.ts';

const [dir = '', spreadsheet = ''] = process.argv.slice(2);
const { url } = await startSheets({ dir, spreadsheets: [spreadsheet] });
process.send?.(url);
