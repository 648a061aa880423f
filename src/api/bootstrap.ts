// /api/v1/bootstrap: the repository's beginning.

import { Type } from "./type.ts";
import { bootstrap, type BootstrapRequest } from "../operations/bootstrap.ts";
import { getBootstrap } from "../operations/get-bootstrap.ts";
import { Delegations } from "./delegations.ts";
import { submittedAnswer, type Resource } from "./routes.ts";
import { Days, dictionary, RawObject, SigningWindow, submittedSchema, WaitQuery } from "./schemas.ts";

const Role = Type.Object({ expiration: Days }, { $id: "Role" });

const SignedRole = Type.Object({ expiration: Days, signing_window: Type.Optional(Type.Union([SigningWindow, Type.Null()])) }, { $id: "SignedRole" });

const BinsRole = Type.Object(
  {
    expiration: Days,
    number_of_delegated_bins: Type.Integer({ exclusiveMinimum: 1, exclusiveMaximum: 16_385, description: "Rounded down to a power of two" }),
  },
  { $id: "BinsRole" },
);

const BootstrapPayload = Type.Object(
  {
    settings: Type.Object({
      targets_online_key: Type.Optional(Type.Union([Type.Boolean(), Type.Null()], { description: "false: people sign targets, with the keys that root names for it; then it is a signing event beside root, and nothing is published before both are complete" })),
      roles: Type.Object({
        root: SignedRole,
        targets: SignedRole,
        snapshot: Role,
        timestamp: Role,
        bins: Type.Optional(Type.Union([BinsRole, Type.Null()])),
        delegations: Type.Optional(Type.Union([Delegations, Type.Null()])),
      }),
    }),
    metadata: dictionary(RawObject, { description: "The signed root, as `root`; kept exactly as it is. With `targets_online_key` false also the first envelope of `targets`, and of delegated roles that people sign, if a ceremony made and signed them" }),
    timeout: Type.Optional(Type.Union([Type.Integer(), Type.Null()], { default: 300, description: "Read for compatibility; the service needs no watchdog" })),
  },
  { $id: "BootstrapPayload" },
);

const BootstrapState = Type.Object(
  {
    data: Type.Object({ bootstrap: Type.Boolean(), state: Type.Optional(Type.String()), id: Type.Optional(Type.String()) }),
    message: Type.String(),
  },
  { $id: "BootstrapGetResponse" },
);

export function bootstrapRoutes(resource: Resource): void {
  resource.route({
    method: "GET",
    path: "/api/v1/bootstrap/",
    docs: {
      tag: "Bootstrap",
      summary: "Check the bootstrap status.",
      description: "Whether the repository exists, is being made (`pre`), or waits for signatures of its root (`signing`).",
      operationId: "get_api_v1_bootstrap__get",
      examples: {
        available: {
          summary: "Nothing there yet",
          given: "fresh",
          status: 200,
          answer: { data: { bootstrap: false }, message: "System available for bootstrap." },
        },
        finished: {
          summary: "Bootstrapped",
          given: "bootstrapped",
          status: 200,
          answer: { data: { bootstrap: true, state: "finished", id: "82281613dba54b8ea88dc86211c77d0a" }, message: "System LOCKED for bootstrap." },
        },
      },
    },
    answers: { 200: { description: "The state", schema: BootstrapState } },
    async handle() {
      const { name, taskId } = await getBootstrap(resource.operations);
      const data = {
        bootstrap: name === "finished",
        ...(name === "None" ? {} : { state: name }),
        ...(taskId === undefined ? {} : { id: taskId }),
      };
      const available = name === "None" || name === "unknown";
      return { status: 200, body: { data, message: available ? "System available for bootstrap." : "System LOCKED for bootstrap." } };
    },
  });

  resource.route({
    method: "POST",
    path: "/api/v1/bootstrap/",
    docs: {
      tag: "Bootstrap",
      summary: "Post a task to bootstrap the system with initial signed Metadata.",
      description: "Begins a repository from a root that its key holders signed. Private keys are never sent.",
      operationId: "post_api_v1_bootstrap__post",
      examples: {
        tooFewBins: {
          summary: "One bin is none",
          given: "fresh",
          body: {
            settings: {
              roles: {
                root: { expiration: 365 },
                targets: { expiration: 365 },
                snapshot: { expiration: 1 },
                timestamp: { expiration: 1 },
                bins: { expiration: 1, number_of_delegated_bins: 1 },
              },
            },
            metadata: { root: { signatures: [], signed: {} } },
          },
          status: 422,
          answer: {
            detail: [
              {
                type: "greater_than",
                loc: ["body", "settings", "roles", "bins", "number_of_delegated_bins"],
                msg: "Input should be greater than 1",
                input: 1,
                ctx: { gt: 1 },
              },
            ],
            code: "request-invalid",
          },
        },
        locked: {
          summary: "A repository is there already",
          given: "bootstrapped",
          body: {
            settings: {
              roles: {
                root: { expiration: 365 },
                targets: { expiration: 365 },
                snapshot: { expiration: 1 },
                timestamp: { expiration: 1 },
                bins: { expiration: 1, number_of_delegated_bins: 4 },
              },
            },
            metadata: { root: { signatures: [], signed: {} } },
          },
          status: 404,
          answer: { detail: { error: "System already has a Metadata. State: finished" }, code: "bootstrap-locked" },
        },
      },
    },
    body: BootstrapPayload,
    query: WaitQuery,
    answers: { 202: { description: "Accepted", schema: submittedSchema("BootstrapPostResponse") } },
    async handle({ body, idempotency }) {
      return submittedAnswer(await bootstrap(resource.operations, body as BootstrapRequest, idempotency), "Bootstrap accepted.");
    },
  });
}
