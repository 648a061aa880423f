// A list worked through with so many of its items under way at once.

/**
 * `work` of every item, in their order. Rejects with the first error; what was not begun by then never is, and what was is
 * left to end.
 */
export async function atOnce<T, R>(limit: number, items: readonly T[], work: (item: T, at: number) => Promise<R>): Promise<R[]> {
  const answers = new Array<R>(items.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    try {
      for (let at = next++; at < items.length; at = next++) answers[at] = await work(items[at] as T, at);
    } catch (error) {
      next = items.length;
      throw error;
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return answers;
}
