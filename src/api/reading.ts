// Routes that only look, answered apart from the thread that takes requests.
//
// A page costs milliseconds: of a database that is read synchronously, and of JSON that is taken apart and put together
// again. On the thread that takes requests each of them would hold up every write, and who pages through a million
// artifacts would slow down publishing for everybody (docs/design/reading.md). So a route of this kind is given what was
// asked, checked, and nothing else of the request, and the body goes back as the text that is sent.

import type { TSchema } from "./type.ts";
import { reasonOf } from "../lib/app-error.ts";
import type { OperationDeps } from "../operations/deps.ts";
import { artifactListRoutes } from "./artifact-list.ts";
import { problemOf } from "./problems.ts";
import type { Answering } from "./read-queue.ts";
import { roleRoutes } from "./roles.ts";
import type { Readings, ReadRoute } from "./routes.ts";
import { signingEventRoutes } from "./signing-events.ts";
import { taskListRoutes } from "./task-list.ts";

/** All routes of this kind. */
export function readRoutes(readings: Readings): void {
  artifactListRoutes(readings);
  taskListRoutes(readings);
  roleRoutes(readings);
  signingEventRoutes(readings);
}

/** Answers them in the calling thread. */
export function createAnswering(operations: OperationDeps): Answering {
  const routes = new Map<string, ReadRoute<TSchema, TSchema>>();
  readRoutes({ operations, read: (route) => { routes.set(route.path, route); } });
  return async ({ path, query, params }) => {
    try {
      const route = routes.get(path);
      if (route === undefined) throw new Error(`nobody reads ${path}`);
      const { status, body } = await route.handle({ query, params });
      return { status, json: JSON.stringify(body) };
    } catch (error) {
      return { problem: problemOf(error), reason: reasonOf(error), stack: error instanceof Error ? error.stack : undefined };
    }
  };
}
