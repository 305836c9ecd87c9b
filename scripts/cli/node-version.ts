/** @throws Error when Node is too old for Formbus, with what to do */
export function requireNode(): void {
  if (Number(process.versions.node.split('.')[0]) >= 24) return;
  throw new Error(
    `Formbus needs Node 24 or newer, and this is ${process.versions.node}. Use npm start and npm run, which bring their own Node, or install Node 24.`,
  );
}
