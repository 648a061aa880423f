// A test reporter for tools/test.ts: one line of JSON, what ran and in which files.

import type { TestEvent } from "node:test/reporters";

export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Tests that ran for each file that defines them, by absolute path. */
  readonly files: Readonly<Record<string, number>>;
}

export default async function* counts(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const total = { passed: 0, failed: 0, skipped: 0 };
  const files: Record<string, number> = {};
  for await (const event of source) {
    if (event.type !== "test:pass" && event.type !== "test:fail") continue;
    const { name, file, details, skip, todo } = event.data;
    // A suite is not a test, and a file in which no test ran is reported as a test of that name.
    if (event.type === "test:pass" && (details.type === "suite" || name === file)) continue;
    if (skip !== undefined || todo !== undefined) total.skipped += 1;
    else if (event.type === "test:pass") total.passed += 1;
    else if (details.type !== "suite" || isItsOwn(event.data.details.error)) total.failed += 1;
    if (file !== undefined) files[file] = (files[file] ?? 0) + 1;
  }
  yield `${JSON.stringify({ ...total, files } satisfies TestCounts)}\n`;
}

/** A suite also "fails" when a test inside it did; that one was counted. */
function isItsOwn(error: Error): boolean {
  return !("failureType" in error) || error.failureType !== "subtestsFailed";
}
