// What is HTTP's own: statuses, redirects, silence, cut connections, headers.

import assert from "node:assert/strict";
import type http from "node:http";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { assertCode, bodyOf } from "../../../../test/contract/fetcher/suite.ts";
import { answer, openWeb } from "../../../../test/contract/fetcher/web.ts";
import type { Web } from "../../../../test/contract/fetcher/web.ts";
import { createHttpFetcher } from "./fetcher.ts";

const fetcher = createHttpFetcher({ version: "1.2.3" });
const impatient = createHttpFetcher({ version: "1.2.3", stallMs: 300 });
let web: Web;
before(async () => (web = await openWeb()));
after(() => web.close());

describe("statuses", () => {
  const rows = [
    [400, "unavailable"], [401, "denied"], [403, "denied"], [404, "not-found"], [410, "gone"], [429, "unavailable"],
    [500, "unavailable"], [503, "unavailable"], [204, "unavailable"], [206, "unavailable"], [304, "unavailable"], [302, "unavailable"],
  ] as const;
  for (const [status, code] of rows) {
    test(`${status} is \`${code}\`, and its body is never given`, async () => {
      web.routes.set("/status", answer(status, {}, status === 204 || status === 304 ? "" : "a page about it"));
      await assertCode(code, bodyOf(fetcher, `${web.base}status`), `${web.base}status`);
    });
  }
});

describe("the rest of a body", () => {
  const rest = async (route: (request: http.IncomingMessage, response: http.ServerResponse) => void): Promise<string> => {
    web.routes.set("/rest", route);
    const pieces: Uint8Array[] = [];
    for await (const piece of fetcher.fetch(`${web.base}rest`, { from: 4 })) pieces.push(piece);
    return Buffer.concat(pieces).toString();
  };

  test("is asked for by range, and taken from a server that knows none", async () => {
    let asked: string | undefined;
    assert.equal(await rest((request, response) => {
      asked = request.headers.range;
      response.writeHead(206, { "content-range": "bytes 4-7/8" }).end("rest");
    }), "rest");
    assert.equal(asked, "bytes=4-");
    assert.equal(await rest(answer(200, {}, "the rest")), "rest");
    assert.equal(await rest(answer(200, {}, "the")), "", "a body that is shorter has no rest");
  });

  for (const { name, route } of [
    { name: "another range", route: answer(206, { "content-range": "bytes 0-7/8" }, "the rest") },
    { name: "a range that begins alike", route: answer(206, { "content-range": "bytes 40-47/80" }, "the rest") },
    { name: "several ranges", route: answer(206, { "content-type": "multipart/byteranges; boundary=x" }, "--x\r\n") },
    { name: "that there is nothing behind", route: answer(416, { "content-range": "bytes */4" }, "") },
  ]) {
    test(`is \`no-range\` from a server that answers ${name}`, async () => {
      await assert.rejects(rest(route), { code: "no-range" });
    });
  }

  test("is not taken for the whole: a part that was not asked for is refused", async () => {
    web.routes.set("/rest", answer(206, { "content-range": "bytes 0-3/8" }, "the "));
    await assertCode("unavailable", bodyOf(fetcher, `${web.base}rest`), `${web.base}rest`);
  });
});

describe("redirects", () => {
  const chain = (hops: number, end: string): string => {
    for (let hop = 0; hop < hops; hop += 1) web.routes.set(`/hop${hop}`, answer(302 + (hop % 2) * 5, { location: hop + 1 === hops ? end : `hop${hop + 1}` }));
    return `${web.base}hop0`;
  };

  test("five are followed, relative ones as well", async () => {
    web.routes.set("/end", answer(200, {}, "here"));
    assert.equal((await bodyOf(fetcher, chain(5, "/end"))).toString(), "here");
  });
  test("the sixth is not", () => assertCode("unavailable", bodyOf(fetcher, chain(6, "/end")), "5 times"));
  test("a circle ends", () => assertCode("unavailable", bodyOf(fetcher, chain(2, "/hop0"))));
  test("a missing end is `not-found`", () => assertCode("not-found", bodyOf(fetcher, chain(1, "/missing"))));
  for (const location of ["file:///etc/passwd", "ftp://127.0.0.1/a", "data:text/plain,a", "http://user:word@127.0.0.1/", "http://["]) {
    test(`to ${location} is refused`, () => assertCode("unavailable", bodyOf(fetcher, chain(1, location))));
  }
});

describe("URLs", () => {
  for (const url of ["file:///etc/passwd", "ftp://127.0.0.1/", "data:text/plain,a", "no url", "", "http://user:word@127.0.0.1/"]) {
    test(`${JSON.stringify(url)} is refused`, () => assertCode("unavailable", bodyOf(fetcher, url)));
  }
  test("a query is sent, and left out of errors: it may be a credential", async () => {
    let asked = "";
    web.routes.set("/query", (request, response) => {
      asked = request.url ?? "";
      response.writeHead(403).end();
    });
    await assert.rejects(bodyOf(fetcher, `${web.base}query?signature=abc`), (error) => error instanceof Error && !error.message.includes("abc"));
    assert.equal(asked, "/query?signature=abc");
  });
  test("nobody listening is `unavailable`", async () => {
    const gone = await openWeb();
    await gone.close();
    await assertCode("unavailable", bodyOf(fetcher, gone.base), gone.base);
  });
});

describe("silence", () => {
  test("before the headers is `too-slow`", async () => {
    web.routes.set("/silent", () => undefined);
    await assertCode("too-slow", bodyOf(impatient, `${web.base}silent`));
  });
  test("in the middle of the body is `too-slow`, after what had come", async () => {
    web.routes.set("/stalls", (_, response) => void response.writeHead(200).write("some"));
    let seen = "";
    const reading = (async () => {
      for await (const piece of impatient.fetch(`${web.base}stalls`)) seen += Buffer.from(piece).toString();
    })();
    await assertCode("too-slow", reading);
    assert.equal(seen, "some");
  });
  test("while redirecting is `too-slow`", async () => {
    web.routes.set("/to-silent", answer(302, { location: "silent" }));
    await assertCode("too-slow", bodyOf(impatient, `${web.base}to-silent`));
  });
});

describe("the connection", () => {
  test("cut before the stated length is `unavailable`", async () => {
    web.routes.set("/short", (request, response) => {
      response.writeHead(200, { "content-length": 1000 });
      response.write("only this", () => request.socket.destroy());
    });
    await assertCode("unavailable", bodyOf(fetcher, `${web.base}short`));
  });
  test("cut before anything is `unavailable`", async () => {
    web.routes.set("/cut", (request) => request.socket.destroy());
    await assertCode("unavailable", bodyOf(fetcher, `${web.base}cut`));
  });
  test("ends when the caller stops", async () => {
    const closed = Promise.withResolvers<undefined>();
    web.routes.set("/open", (_, response) => {
      response.once("close", () => closed.resolve(undefined));
      response.writeHead(200).write("first");
    });
    for await (const piece of fetcher.fetch(`${web.base}open`)) {
      assert.equal(Buffer.from(piece).toString(), "first");
      break;
    }
    await closed.promise;
  });
});

describe("headers", () => {
  test("say who asks, and ask for the stored bytes", async () => {
    let headers: http.IncomingHttpHeaders = {};
    web.routes.set("/headers", (request, response) => {
      headers = request.headers;
      response.end("ok");
    });
    await bodyOf(fetcher, `${web.base}headers`);
    assert.equal(headers["user-agent"], "rstuf/1.2.3");
    assert.equal(headers["accept-encoding"], "identity");
    assert.equal(headers["authorization"], undefined);
    assert.equal(headers["cookie"], undefined);
  });
  test("of a server that compresses all the same are understood", async () => {
    web.routes.set("/gzip", answer(200, { "content-encoding": "gzip" }, gzipSync("plain")));
    assert.equal((await bodyOf(fetcher, `${web.base}gzip`)).toString(), "plain");
  });
});
