// Who may use the API: a file of hashed tokens, one a line.
//
//   # comment
//   <sha256 of the token, 64 hex digits> [name of whoever holds it]

import { readFileSync } from "node:fs";
import { AppError } from "../lib/app-error.ts";

export class TokensFileError extends AppError<"tokens-file"> {}

export interface HashedToken {
  readonly sha256: string;
  readonly name?: string;
}

const LINE = /^([0-9a-f]{64})(?:\s+(\S.{0,99}))?$/;

/** @throws TokensFileError naming the line, never what stands there */
export function readTokensFile(path: string): readonly HashedToken[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new TokensFileError("tokens-file", `the tokens file ${path} cannot be read`, { cause: error });
  }
  const tokens: HashedToken[] = [];
  for (const [at, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const [, sha256, name] = LINE.exec(line) ?? [];
    if (sha256 === undefined) throw new TokensFileError("tokens-file", `${path}, line ${String(at + 1)}: each line holds the sha256 of a token (64 lower-case hex digits) and may name its holder; make one with: printf %s "$TOKEN" | sha256sum`);
    tokens.push(name === undefined ? { sha256 } : { sha256, name });
  }
  if (tokens.length === 0) throw new TokensFileError("tokens-file", `the tokens file ${path} holds no token, so nobody could use the API`);
  return tokens;
}
