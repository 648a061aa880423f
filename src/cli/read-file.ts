import { open } from "node:fs/promises";
import { CliError, systemReason } from "./errors.ts";

/** The bytes of a file the user named, at most `maxBytes`. @throws CliError `file-unreadable` */
export async function readFileAtMost(path: string, maxBytes: number): Promise<Buffer> {
  try {
    await using file = await open(path, "r");
    const buffer = Buffer.alloc(maxBytes + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
      length += bytesRead;
      if (bytesRead === 0 || length > maxBytes) break;
    }
    if (length <= maxBytes) return buffer.subarray(0, length);
  } catch (error) {
    throw new CliError("file-unreadable", `${path} cannot be read: ${systemReason(error)}`, { todo: "is it named as it lies from here, and may this user read it?", cause: error });
  }
  throw new CliError("file-unreadable", `${path} is longer than the ${maxBytes} bytes such a file may have`, { todo: "is it the file that was meant?" });
}

const PASSWORD_MAX_BYTES = 4096;

/** The first line of a password file. @throws CliError `file-unreadable` */
export async function readPassword(path: string): Promise<string> {
  const line = (await readFileAtMost(path, PASSWORD_MAX_BYTES)).toString("utf8").split(/\r?\n/, 1)[0] ?? "";
  if (line === "") throw new CliError("file-unreadable", `${path} holds no password: its first line is empty`, { todo: "write the password into the first line, and nothing else" });
  return line;
}
