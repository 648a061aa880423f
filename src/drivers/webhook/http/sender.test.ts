import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { describe, test, type TestContext } from "node:test";
import { cert, key } from "../../../../test/fakes/tls/localhost.ts";
import { WebhookError, type WebhookCall } from "../../../ports/webhook.ts";
import { createHttpWebhookSender, type HttpWebhookOptions } from "./sender.ts";

const SECRET = "a secret of the tests";
const NOW = Date.UTC(2030, 0, 1);

interface Heard {
  readonly request: IncomingMessage;
  readonly body: string;
}

async function receiver(context: TestContext, answer: RequestListener, tls = false): Promise<{ port: number; heard: Heard[] }> {
  const heard: Heard[] = [];
  const listener: RequestListener = (request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => { body += chunk.toString(); });
    request.on("end", () => {
      heard.push({ request, body });
      answer(request, response);
    });
  };
  const server: Server = tls ? createTlsServer({ cert, key }, listener) : createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => { server.closeAllConnections(); server.close(); });
  return { port: (server.address() as AddressInfo).port, heard };
}

const send = (url: string, options: Partial<HttpWebhookOptions> = {}, more: Partial<WebhookCall> = {}): Promise<void> =>
  createHttpWebhookSender({ secret: SECRET, version: "0", now: () => NOW, ...options }).send({ url, id: "7", event: "published", body: `{"seq":1}`, ...more }, new AbortController().signal);

const refuses = (code: WebhookError["code"], work: Promise<void>): Promise<void> =>
  assert.rejects(work, (error) => error instanceof WebhookError && error.code === code);

describe("a webhook", () => {
  test("is a signed POST that the receiver can check", async (context) => {
    const { port, heard } = await receiver(context, (_, response) => response.writeHead(204).end());
    await send(`http://127.0.0.1:${String(port)}/hook/x?y=1`);
    const [{ request, body }] = heard as [Heard];
    assert.deepEqual([request.method, request.url, body], ["POST", "/hook/x?y=1", `{"seq":1}`]);
    const { headers } = request;
    assert.deepEqual([headers["content-type"], headers["rstuf-event"], headers["rstuf-event-id"], headers["rstuf-timestamp"]], ["application/json", "published", "7", String(NOW / 1000)]);
    assert.equal(headers["rstuf-signature"], `v1=${createHmac("sha256", SECRET).update(`${String(NOW / 1000)}.${body}`).digest("hex")}`);
    assert.equal(headers["host"], `127.0.0.1:${String(port)}`);
  });

  test("follows no redirect", async (context) => {
    const target = await receiver(context, (_, response) => response.end());
    const { port } = await receiver(context, (_, response) => response.writeHead(307, { location: `http://127.0.0.1:${String(target.port)}/` }).end());
    await refuses("refused", send(`http://127.0.0.1:${String(port)}/`));
    assert.equal(target.heard.length, 0);
  });

  test("is refused by every answer but 2xx", async (context) => {
    const statuses = [199, 400, 404, 500].filter((status) => status >= 200);
    for (const status of statuses) {
      const { port } = await receiver(context, (_, response) => response.writeHead(status).end());
      await refuses("refused", send(`http://127.0.0.1:${String(port)}/`));
    }
  });

  test("is given up five seconds after it was begun, whether the name or the receiver does not answer", async (context) => {
    const { port, heard } = await receiver(context, () => { late.abort(); });
    let late = new AbortController();
    const limits: number[] = [];
    const timeout = (ms: number): AbortSignal => {
      limits.push(ms);
      late = new AbortController();
      return late.signal;
    };
    await refuses("unavailable", send(`http://127.0.0.1:${String(port)}/`, { timeout }));
    assert.equal(heard.length, 1);
    const resolve = (): Promise<never> => {
      setImmediate(() => { late.abort(); });
      return new Promise(() => undefined);
    };
    await refuses("unavailable", send("https://name.test/", { resolve, timeout }));
    assert.deepEqual(limits, [5_000, 5_000]);
  });

  test("is given up when nobody listens, or the name leads nowhere", async () => {
    await refuses("unavailable", send("http://127.0.0.1:1/"));
    await refuses("unavailable", send("https://name.test/", { resolve: () => Promise.reject(new Error("ENOTFOUND")) }));
    await refuses("unavailable", send("https://name.test/", { resolve: () => Promise.resolve([]) }));
  });

  test("an answer that never ends ends nothing but its own connection", async (context) => {
    const { port } = await receiver(context, (_, response) => {
      response.writeHead(200);
      const more = (): void => { while (response.write("x".repeat(65_536))); };
      response.on("drain", more);
      response.on("error", () => undefined);
      more();
    });
    await send(`http://127.0.0.1:${String(port)}/`);
  });
});

describe("a name", () => {
  test("that leads to a refused address is not connected to, whatever else it leads to", async (context) => {
    const { port, heard } = await receiver(context, (_, response) => response.end(), true);
    for (const addresses of [["169.254.169.254"], ["127.0.0.1", "169.254.169.254"], ["127.0.0.1", "fd00:ec2::254"], ["fe80::1"]]) {
      await refuses("address-refused", send(`https://localhost:${String(port)}/`, { ca: cert, resolve: () => Promise.resolve(addresses) }));
    }
    await refuses("address-refused", send(`https://169.254.169.254/latest/meta-data/`));
    await refuses("address-refused", send(`https://[::ffff:169.254.169.254]/`));
    await refuses("address-refused", send(`https://2852039166/`));
    await refuses("address-refused", send(`http://localhost:${String(port)}/`, { resolve: () => Promise.resolve(["10.0.0.1"]) }));
    assert.equal(heard.length, 0);
  });

  test("is resolved once, and the connection goes where it led then", async (context) => {
    const { port, heard } = await receiver(context, (_, response) => response.end());
    const answers = [["127.0.0.1"], ["169.254.169.254"]];
    let asked = 0;
    await send(`http://localhost:${String(port)}/`, { resolve: () => Promise.resolve(answers[asked++] ?? []) });
    assert.deepEqual([asked, heard.length], [1, 1]);
    assert.equal(heard[0]?.request.headers.host, `localhost:${String(port)}`);
  });

  test("is the one that the certificate must hold", async (context) => {
    const { port, heard } = await receiver(context, (_, response) => response.end(), true);
    const resolve = (): Promise<string[]> => Promise.resolve(["127.0.0.1"]);
    await send(`https://localhost:${String(port)}/`, { ca: cert, resolve });
    assert.equal(heard.length, 1);
    await refuses("unavailable", send(`https://other.test:${String(port)}/`, { ca: cert, resolve }));
    await refuses("unavailable", send(`https://localhost:${String(port)}/`, { resolve }));
    assert.equal(heard.length, 1);
  });
});
