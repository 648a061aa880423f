// /api/v1/config: the repository's settings.

import { Type } from "./type.ts";
import { getConfig } from "../operations/get-config.ts";
import { putConfig } from "../operations/put-config.ts";
import { submittedAnswer, type Resource } from "./routes.ts";
import { Days, dictionary, SigningWindow, RawObject, submittedSchema, WaitQuery } from "./schemas.ts";

const words = { bootstrapRequired: { message: "No Repository Settings/Config found.", error: "It requires bootstrap." } };

const ConfigResponse = Type.Object({ data: RawObject, message: Type.String() }, { $id: "ConfigGetResponse" });

const ConfigPayload = Type.Object({ settings: Type.Object({ expiration: dictionary(Days, { description: "Days by role name" }), signing_window: Type.Optional(Type.Union([dictionary(Type.Union([SigningWindow, Type.Null()])), Type.Null()], { description: "Days before they expire from which people are asked for the next versions of root, targets and delegated roles, by role name; null: as the configuration says" })) }) }, { $id: "PutPayload" });

export function configRoutes(resource: Resource): void {
  resource.route({
    method: "GET",
    path: "/api/v1/config/",
    docs: {
      tag: "Config",
      summary: "List settings.",
      description: "Every setting of the repository, with the trusted root and what waits for signatures.",
      operationId: "get_api_v1_config__get",
      examples: {
        tooEarly: {
          summary: "Before bootstrap",
          given: "fresh",
          status: 404,
          answer: { detail: { message: "No Repository Settings/Config found.", error: "It requires bootstrap. State: None" }, code: "bootstrap-required" },
        },
      },
    },
    answers: { 200: { description: "The settings", schema: ConfigResponse } },
    words,
    async handle() {
      return { status: 200, body: { data: await getConfig(resource.operations), message: "Current Settings" } };
    },
  });

  resource.route({
    method: "PUT",
    path: "/api/v1/config/",
    docs: {
      tag: "Config",
      summary: "Put a task to update settings.",
      description: "Changes the lifetime of roles, in days, which holds from the next version of each role on; and how long before it expires a role asks people for signatures, which holds at once.",
      operationId: "put_api_v1_config__put",
      examples: {
        lifetimes: {
          summary: "New lifetimes",
          given: "bootstrapped",
          body: { settings: { expiration: { bins: 5, snapshot: 2, targets: 100, timestamp: 1 } } },
          status: 202,
          answer: { data: { task_id: "fb2dde830dcf4377a64991c91cadb437", last_update: "2026-11-22T18:27:03.519000Z" }, message: "Settings successfully submitted." },
        },
        zero: {
          summary: "A role cannot live for zero days",
          given: "bootstrapped",
          body: { settings: { expiration: { timestamp: 0 } } },
          status: 422,
          answer: {
            detail: [{ type: "greater_than", loc: ["body", "settings", "expiration", "timestamp"], msg: "Input should be greater than 0", input: 0, ctx: { gt: 0 } }],
            code: "request-invalid",
          },
        },
      },
    },
    body: ConfigPayload,
    query: WaitQuery,
    answers: { 202: { description: "Accepted", schema: submittedSchema("PutResponse") } },
    words,
    async handle({ body, idempotency }) {
      return submittedAnswer(await putConfig(resource.operations, body.settings, idempotency), "Settings successfully submitted.");
    },
  });
}
