import * as v from 'valibot';
import { ask } from '../../functions/testing/services.ts';

/** For withPostgres: the first test file that asks makes the template. */
const { folder } = await ask(v.object({ folder: v.string() }), 'postgres-template');
process.env['FORMBUS_POSTGRES_TEMPLATE'] = folder;
