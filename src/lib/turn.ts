/** Lets everything else that is ready run first: what long loops await between slices. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
