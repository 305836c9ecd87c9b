import { Submission, task } from 'formbus';

/** The task to copy: it notes that it has seen a submission. */
export const demoTask = task('demo-task', Submission, async ({ event, log }) => {
  log.info({ id: event.id, form: event.form }, 'seen');
});
