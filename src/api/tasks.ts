// /api/v1/task: what became of a request.

import { Type } from "./type.ts";
import { getTask } from "../operations/get-task.ts";
import type { Resource } from "./routes.ts";
import { TaskResult, TaskState, WaitQuery } from "./schemas.ts";
import { taskResultBody } from "./task-body.ts";

const TaskResponse = Type.Object(
  {
    data: Type.Object({ task_id: Type.String(), state: TaskState, result: Type.Optional(TaskResult) }),
    message: Type.String(),
  },
  { $id: "TaskResponse" },
);

const TaskQuery = Type.Object({ task_id: Type.String({ description: "As answered when the request was accepted" }), ...WaitQuery.properties });

export function taskRoutes(resource: Resource): void {
  resource.route({
    method: "GET",
    path: "/api/v1/task/",
    docs: {
      tag: "Task",
      summary: "Get task state.",
      description: "PENDING (also for an id nobody knows), STARTED, RUNNING; at the end SUCCESS, ERRORED (refused, with the reason) or FAILURE.",
      operationId: "get_api_v1_task__get",
      examples: {
        unknown: {
          summary: "An id nobody knows",
          given: "fresh",
          query: { task_id: "33e66671dcc84cdfa2535a1eb030104c" },
          status: 200,
          answer: { data: { task_id: "33e66671dcc84cdfa2535a1eb030104c", state: "PENDING" }, message: "Task state." },
        },
        missing: {
          summary: "Without an id",
          given: "fresh",
          status: 422,
          answer: { detail: [{ type: "missing", loc: ["query", "task_id"], msg: "Field required", input: null }], code: "request-invalid" },
        },
      },
    },
    query: TaskQuery,
    answers: { 200: { description: "The task as it is", schema: TaskResponse } },
    async handle({ query }) {
      const show = (view: Awaited<ReturnType<typeof getTask>>) => {
        const result = taskResultBody(view);
        return { data: { task_id: view.taskId, state: view.state, ...(result === undefined ? {} : { result }) }, message: "Task state." };
      };
      return { status: 200, body: show(await getTask(resource.operations, query.task_id)), task: { id: query.task_id, show } };
    },
  });
}
