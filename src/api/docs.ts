// The documentation page at `/` with its try-it form, and the document it reads. Everything
// comes from this process: the page works offline and may load nothing from elsewhere.

import swagger, { type StaticDocumentSpec } from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";
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

export async function docsPage(app: FastifyInstance, document: OpenApiDocument): Promise<void> {
  // The page's plugin asks for this one; the document is ours, not derived by it.
  await app.register(swagger, { mode: "static", specification: { document } as unknown as StaticDocumentSpec });
  app.get("/openapi.json", (_request, reply) => reply.header("cache-control", "no-cache").send(document));
  await app.register(swaggerUi, {
    routePrefix: "/",
    staticCSP: CONTENT_SECURITY_POLICY,
    theme: { title: TITLE },
    uiConfig: { layout: "BaseLayout", validatorUrl: null, url: "/openapi.json", tryItOutEnabled: true, docExpansion: "list" },
  });
}
