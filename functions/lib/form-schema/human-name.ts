/** A form's or a field's name for people where its schema has no title: `student-data-form` is "Student data form". */
export function humanName(name: string): string {
  const words = name.replace(/[-_]+/g, ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
