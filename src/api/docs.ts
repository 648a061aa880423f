// The documentation page at `/` with its try-it form, and the document it reads. Everything
// comes from this process: the page works offline and may load nothing from elsewhere.
//
// What makes the page is loaded when somebody first looks at it, in a server of its own that listens nowhere: 180 modules,
// of which most services need none (0.1 s of CPU at every start, 8 MiB).

import Fastify, { type FastifyInstance } from "fastify";
import type { StaticDocumentSpec } from "@fastify/swagger";
import type { OpenApiDocument } from "./openapi.ts";

const TITLE = "Repository Service for TUF API";

/** Styles alone may be inline: the page's components set them. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "base-uri 'none'",
  "connect-src 'self'",
  "font-src 'self' data:",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "img-src 'self' data:",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
].join("; ");

export function docsPage(app: FastifyInstance, document: OpenApiDocument): void {
  app.get("/openapi.json", (_request, reply) => reply.header("cache-control", "no-cache").send(document));
  let page: Promise<FastifyInstance> | undefined;
  for (const url of ["/", "/static/*", "/json", "/yaml"]) {
    app.get(url, async (request, reply) => {
      page ??= pageOf(document);
      const { "if-none-match": known, "if-modified-since": since, range } = request.headers;
      const headers = Object.fromEntries(Object.entries({ "if-none-match": known, "if-modified-since": since, range }).filter(([, value]) => value !== undefined));
      const answer = await (await page).inject({ method: "GET", url: request.url, headers });
      if (answer.statusCode === 404) {
        reply.callNotFound();
        return reply;
      }
      return reply.code(answer.statusCode).headers(answer.headers).send(answer.rawPayload);
    });
  }
}

async function pageOf(document: OpenApiDocument): Promise<FastifyInstance> {
  const [{ default: swagger }, { default: swaggerUi }] = await Promise.all([import("@fastify/swagger"), import("@fastify/swagger-ui")]);
  const page = Fastify({ logger: false });
  // The page's plugin asks for this one; the document is ours, not derived by it.
  await page.register(swagger, { mode: "static", specification: { document } as unknown as StaticDocumentSpec });
  await page.register(swaggerUi, {
    routePrefix: "/",
    staticCSP: CONTENT_SECURITY_POLICY,
    theme: { title: TITLE },
    uiConfig: { layout: "BaseLayout", validatorUrl: null, url: "/openapi.json", tryItOutEnabled: true, docExpansion: "list" },
  });
  return page;
}
