// GET /api/v1/tasks: what was asked for, and what became of it.

import { Type } from "./type.ts";
import { listTasks, type TaskQuery } from "../operations/list-tasks.ts";
import { momentOf, pageAnswer, pageQuery, pageSchema, placeOf } from "./paging.ts";
import type { Readings } from "./routes.ts";
import { lastUpdate } from "./task-body.ts";

const KINDS = [
  "bootstrap", "add_artifacts", "remove_artifacts", "import_artifacts", "publish_artifacts", "update_settings", "force_online_metadata_update", "metadata_update", "metadata_delegation",
  "sign_metadata", "delete_sign_metadata",
] as const;
const STATES = ["PENDING", "RUNNING", "SUCCESS", "ERRORED", "FAILURE"] as const;

const Kind = Type.Unsafe<(typeof KINDS)[number]>({ type: "string", enum: KINDS, description: "What the task does" });

const ListedTask = Type.Object(
  {
    task_id: Type.String(),
    task: Kind,
    state: Type.Unsafe<string>({ type: "string", enum: STATES }),
    held: Type.Optional(Type.Boolean({ description: "Its artifacts wait for a publish request" })),
    created: Type.String({ format: "date-time" }),
    ended: Type.Optional(Type.String({ format: "date-time" })),
    message: Type.Optional(Type.String({ description: "Cut at 300 characters, as `error` is; GET /api/v1/task/ has all of it" })),
    error: Type.Optional(Type.String()),
  },
  { $id: "ListedTask" },
);

const Query = Type.Object({
  task: Type.Optional(Kind),
  state: Type.Optional(Type.Unsafe<NonNullable<TaskQuery["state"]>>({ type: "string", enum: [...STATES, "open", "ended"], description: "`open`: PENDING or RUNNING; `ended`: all others" })),
  created_from: Type.Optional(Type.String({ format: "date-time", description: "Accepted then or later" })),
  created_before: Type.Optional(Type.String({ format: "date-time", description: "Accepted earlier than that" })),
  ...pageQuery(1000),
});

export function taskListRoutes(readings: Readings): void {
  readings.read({
    path: "/api/v1/tasks",
    shape: "problem",
    docs: {
      tag: "Task",
      summary: "List tasks.",
      description: "Newest first. Tasks that ended are kept for 30 days (`retention.taskMs`). When few of many are asked for a page may be short, or empty, though more follow: go on while there is a `next`.",
      operationId: "list_tasks",
      examples: {
        failed: {
          summary: "What went wrong",
          given: "published",
          query: { state: "ERRORED" },
          status: 200,
          answer: {
            data: [{
              task_id: "00000000000000000000000000000e44",
              task: "remove_artifacts",
              state: "ERRORED",
              created: "2026-11-22T18:00:00.250000Z",
              ended: "2026-11-22T18:00:00.250000Z",
              message: "Removing artifact(s) Failed",
              error: "At list one artifact is required",
            }],
          },
        },
        none: { summary: "Nothing was asked for yet", given: "fresh", status: 200, answer: { data: [] } },
        badTime: {
          summary: "Not a moment",
          given: "fresh",
          query: { created_from: "yesterday" },
          status: 422,
          answer: {
            type: "about:blank",
            title: "Unprocessable Content",
            status: 422,
            detail: "Input should be a valid datetime: RFC 3339, such as 2026-11-22T18:00:00Z",
            code: "request-invalid",
            errors: [{ type: "datetime_parsing", loc: ["query", "created_from"], msg: "Input should be a valid datetime: RFC 3339, such as 2026-11-22T18:00:00Z", input: "yesterday" }],
          },
        },
      },
    },
    query: Query,
    answers: { 200: { description: "A page", schema: pageSchema("TaskPage", ListedTask, "Newest first") } },
    async handle({ query }) {
      const { task: kind, state, cursor, limit = 100 } = query;
      const createdFromMs = momentOf(query.created_from, "created_from");
      const createdBeforeMs = momentOf(query.created_before, "created_before");
      const wanted: TaskQuery = {
        ...(kind === undefined ? {} : { kind }),
        ...(state === undefined ? {} : { state }),
        ...(createdFromMs === undefined ? {} : { createdFromMs }),
        ...(createdBeforeMs === undefined ? {} : { createdBeforeMs }),
      };
      const after = placeOf(cursor, ["number", "number"]);
      const { rows, next } = await listTasks(readings.operations, wanted, after && { createdMs: after[0], order: after[1] }, limit);
      const shown = rows.map(({ id, kind: task, state: is, held, createdMs, result }) => ({
        task_id: id,
        task,
        state: is,
        ...(held ? { held } : {}),
        created: lastUpdate(createdMs),
        ...(result === undefined ? {} : { ended: lastUpdate(result.lastUpdateMs), message: result.message, ...(result.error === undefined ? {} : { error: result.error }) }),
      }));
      return pageAnswer(shown, next && [next.createdMs, next.order]);
    },
  });
}
