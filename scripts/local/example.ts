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
};

/** A command line that submits one of these forms; of a form that is not known here, one that shows its fields. */
export function exampleCurl([...forms]: string[], url: string): string | undefined {
  const known = forms.find((form) => examples[form]);
  if (known === undefined) return forms[0] === undefined ? undefined : `curl ${url}/${forms[0]}/schema.json`;
  return `curl -i ${url}/${known}/ -H 'content-type: application/json' -d '${JSON.stringify(examples[known])}'`;
}
