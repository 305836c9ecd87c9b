/** A number and what it counts, in the plural where there is not one: "1 row", "2 rows". */
export function counted(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? '' : 's'}`;
}
