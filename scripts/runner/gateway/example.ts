const examples: Record<string, Record<string, string>> = {
  'student-data-form': {
    name: 'Asha Rao',
    roll: '99999',
    university: 'BCE',
    cgpa: '8.04',
    gender: 'F',
    age: '10.11',
    email: 'asha@example.org',
    mobile: '7004465984',
  },
  'demo-form': { name: 'Asha Rao', message: 'Hello' },
};

/** A command line that submits one of these forms; of a form that is not known here, one that shows its fields. */
export function exampleCurl([...forms]: string[], url: string): string | undefined {
  const known = Object.keys(examples).find((form) => forms.includes(form));
  if (known === undefined) return forms[0] === undefined ? undefined : `curl ${url}/${forms[0]}/schema.json`;
  return curlOf(known, url);
}

/** @param like a form that is known here and has the same fields */
export function curlOf(form: string, url: string, like = form): string {
  return `curl -i ${url}/${form}/ -H 'content-type: application/json' -d '${JSON.stringify(examples[like])}'`;
}
