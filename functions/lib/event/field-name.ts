/** valibot's record silently skips these: as fields of a submission they would be lost. */
export const lostNames = ['__proto__', 'constructor', 'prototype'];

/** Whether a field of a form may have this name. Names become columns. */
export function isFieldName(name: string): boolean {
  return /^[A-Za-z][\w-]{0,63}$/.test(name) && !lostNames.includes(name);
}
