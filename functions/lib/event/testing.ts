import { submissionEvent } from './event.ts';

/** The event of a submission to the demo form, with the data given. */
export function testEvent(data: Record<string, string>) {
  return submissionEvent({
    type: 'form.submitted',
    id: '0199-1',
    form: 'demo-form',
    receivedAt: new Date(0),
    data,
    dataschema: 'urn:formbus:form:demo-form:0',
    spreadsheetId: 'spreadsheet-1',
    tab: 'demo-form',
    traceparent: undefined,
  });
}
