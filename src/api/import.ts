// /api/v1/artifacts/import: millions of artifacts in one task, a line each.

import { Type } from "./type.ts";
import { OperationError } from "../operations/errors.ts";
import { findImport, importArtifacts } from "../operations/import-artifacts.ts";
import { Artifact } from "./artifacts.ts";
import { IMPORT_PATH, type Aside } from "./aside.ts";
import { linesOf } from "./ndjson.ts";
import { submittedAnswer, type Resource } from "./routes.ts";
import { submittedSchema, WaitQuery } from "./schemas.ts";
import type { ApiLimits } from "./settings.ts";

const Counts = {
  lines: Type.Integer({ description: "Lines that are stored; more are sent with `after` this number" }),
  invalid_paths: Type.Integer({ description: "Of those, lines whose path no role lists" }),
};

const ImportQuery = Type.Object({
  after: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, default: 0, description: "Line 1 of this body is line `after` + 1 of the import; lines that are stored already are skipped" })),
  dry_run: Type.Optional(Type.Boolean({ default: false, description: "Check every line and keep nothing" })),
  ...WaitQuery.properties,
});

const KEY = /^[\x21-\x7e]{1,255}$/;

export function importRoutes(resource: Resource, limits: ApiLimits, aside: Aside): void {
  const { operations } = resource;

  resource.route({
    method: "POST",
    path: IMPORT_PATH,
    docs: {
      tag: "Artifacts",
      summary: "Import any number of artifacts, one per line.",
      description:
        "The body is NDJSON (`application/x-ndjson`), an artifact a line, read as it comes and as fast as it can be stored; the limits of other bodies do not apply. "
        + "With an `Idempotency-Key` the import outlives its connection: ask `GET /api/v1/artifacts/import?key=…` for `lines`, and send the rest with `?after=` that number and the same key. "
        + "It is accepted when its end has been read: one task, published in many small steps beside everybody else's. What was accepted before its end is older, what comes after is newer. While it runs, `result.details` of its task says how far it is: `imported_artifacts` of `lines`. "
        + "Faults are listed by line (`loc` is `[\"body\", line, …]`); the lines before the first one stay stored under the key, so that a corrected rest can follow.",
      operationId: "post_api_v1_artifacts_import_post",
      examples: {
        lines: {
          summary: "Two artifacts",
          given: "bootstrapped",
          lines: [
            { path: "a/one.tar.gz", info: { length: 39, hashes: { sha256: "452ce8308500d83ef44248d8e6062359211992fd837ea9e370e561efb1a4ca99" } } },
            { path: "b/two.tar.gz", info: { length: 40, hashes: { sha256: "552ce8308500d83ef44248d8e6062359211992fd837ea9e370e561efb1a4ca99" } } },
          ],
          status: 202,
          answer: { data: { lines: 2, invalid_paths: 0, task_id: "7ec7dcba3e9a428ea12ea11491bec71c", last_update: "2026-11-22T18:26:46.764000Z" }, message: "Import successfully submitted." },
        },
        fault: {
          summary: "A fault in line 2",
          given: "bootstrapped",
          lines: [
            { path: "a/one.tar.gz", info: { length: 39, hashes: { sha256: "452ce8308500d83ef44248d8e6062359211992fd837ea9e370e561efb1a4ca99" } } },
            { path: "/b/two.tar.gz", info: { length: 40, hashes: { sha256: "552ce8308500d83ef44248d8e6062359211992fd837ea9e370e561efb1a4ca99" } } },
          ],
          status: 422,
          answer: {
            detail: [{ type: "value_error", loc: ["body", 2, "path"], msg: "Value error, line 2: target path \"/b/two.tar.gz\" is absolute", ctx: { error: {} }, code: "target-path" }],
            code: "request-invalid",
          },
        },
        gap: {
          summary: "Lines are missing before these",
          given: "bootstrapped",
          query: { after: "1000" },
          lines: [],
          status: 409,
          answer: { detail: { message: "Import refused.", error: "of this import 0 lines are stored; 1000 were to come before these" }, code: "import-gap" },
        },
      },
    },
    lines: Artifact,
    query: ImportQuery,
    answers: {
      200: { description: "A dry run found no fault", schema: Type.Object({ data: Type.Object(Counts), message: Type.String() }, { $id: "ImportChecked" }) },
      202: { description: "Accepted; nothing of it is lost from here on", schema: submittedSchema("ImportSubmitted", Counts) },
    },
    async handle({ query, request, pieces, idempotency }) {
      const imported = await importArtifacts(operations, {
        lines: aside.before(linesOf(pieces, { lineBytes: limits.lineBytes, depth: limits.jsonDepth })),
        principal: request.principal ?? "",
        key: idempotency?.key,
        after: query.after ?? 0,
        dryRun: query.dry_run === true,
      });
      const counts = { lines: imported.lines, invalid_paths: imported.invalid };
      if (imported.submitted === undefined) return { status: 200, body: { data: counts, message: "Import checked." } };
      return submittedAnswer(imported.submitted, "Import successfully submitted.", counts);
    },
  });

  resource.route({
    method: "GET",
    path: IMPORT_PATH,
    docs: {
      tag: "Artifacts",
      summary: "How far an import is.",
      description: "How many lines of the import with that key are stored. `task_id` is there once it is accepted.",
      operationId: "get_api_v1_artifacts_import_get",
      examples: {
        unknown: {
          summary: "A key nobody used",
          given: "bootstrapped",
          query: { key: "nightly-2026-11-22" },
          status: 404,
          answer: { detail: { message: "No such import.", error: "no import has this key, or it is forgotten" }, code: "no-such-import" },
        },
      },
    },
    query: Type.Object({ key: Type.String({ description: "The Idempotency-Key it was sent with" }) }),
    answers: {
      200: {
        description: "What is stored",
        schema: Type.Object({ data: Type.Object({ ...Counts, task_id: Type.Optional(Type.String()) }), message: Type.String() }, { $id: "ImportState" }),
      },
    },
    async handle({ query, request }) {
      const found = KEY.test(query.key) ? await findImport(operations, request.principal ?? "", query.key) : undefined;
      if (found === undefined) throw new OperationError("no-such-import", "no import has this key, or it is forgotten");
      const task = found.taskId === undefined ? {} : { task_id: found.taskId };
      return { status: 200, body: { data: { lines: found.lines, invalid_paths: found.invalid, ...task }, message: "Import state." } };
    },
  });
}
