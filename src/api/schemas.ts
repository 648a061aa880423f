// Pieces of schemas that several routes share. A schema with `$id` becomes a component of
// the OpenAPI document.

import { Type, type Schema, type Static, type TSchema } from "./type.ts";
import { MOST_WINDOW_DAYS } from "../operations/put-config.ts";

/** An object with members of any name, each as `values`. */
export function dictionary<V extends TSchema>(values: V, options: Record<string, unknown> = {}): Schema<Record<string, Static<V>>> {
  return Type.Unsafe<Record<string, Static<V>>>({ type: "object", additionalProperties: values, ...options });
}

/** A JSON object that is not looked into: what was sent is what is kept. */
export const RawObject = Type.Unsafe<Record<string, unknown>>({ type: "object", additionalProperties: true });

export const LastUpdate = Type.String({ format: "date-time", description: "RFC 3339, UTC" });

/** A century: later dates are no lifetimes but mistakes. */
const MAX_DAYS = 36_500;

export const SigningWindow = Type.Integer({ exclusiveMinimum: 0, maximum: MOST_WINDOW_DAYS, description: "People are asked for its next version so many days before it expires, at most for half of its lifetime; as the configuration says when absent" });
export const Days = Type.Integer({ exclusiveMinimum: 0, maximum: MAX_DAYS, description: "Lifetime in days" });

export const TASK_STATES = [
  "PENDING", "RECEIVED", "STARTED", "SUCCESS", "FAILURE", "REVOKED", "REJECTED", "RETRY", "IGNORED", "ERRORED", "PRE_RUN", "RUNNING",
] as const;

export const TaskState = Type.Unsafe<(typeof TASK_STATES)[number]>({ $id: "TaskState", type: "string", enum: TASK_STATES });

export const TaskResult = Type.Object(
  {
    message: Type.Optional(Type.String()),
    error: Type.Optional(Type.String()),
    status: Type.Optional(Type.Boolean({ description: "true: success, false: refused" })),
    task: Type.Optional(Type.String({ description: "What the task does" })),
    last_update: Type.Optional(LastUpdate),
    details: Type.Optional(RawObject),
  },
  { $id: "TaskResult" },
);

export const WaitQuery = Type.Object({
  wait: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 60,
      description: "Seconds to wait for the task to end before answering; `Prefer: wait=N` does the same. The answer then also tells `state` and `result`.",
    }),
  ),
});

/** The body of a 202: the task, and what it is about. */
export function submittedSchema(id: string, data: Record<string, TSchema> = {}): TSchema {
  return Type.Object(
    {
      data: Type.Object({
        ...data,
        task_id: Type.String({ description: "32 lower-case hexadecimal digits" }),
        last_update: LastUpdate,
        state: Type.Optional(TaskState),
        result: Type.Optional(TaskResult),
      }),
      message: Type.String(),
    },
    { $id: id },
  );
}
