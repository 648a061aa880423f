// How much room a text takes on a terminal, in columns.

import { stripVTControlCharacters } from "node:util";

/** East Asian wide characters and emoji take two columns; combining ones none. */
const WIDE = /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const NONE = /[\p{Mn}\p{Me}\u200b-\u200d\ufe00-\ufe0f]/u;

export function widthOf(text: string): number {
  let width = 0;
  for (const character of stripVTControlCharacters(text)) width += NONE.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return width;
}

/** Cut to at most `columns`, with `…` for what is missing. The end of a path says most, so its middle goes. */
export function cut(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  const characters = Array.from(text);
  const tail = Math.floor((columns - 1) / 2);
  let head = columns - 1 - tail;
  for (; head > 0; head -= 1) {
    const shorter = `${characters.slice(0, head).join("")}…${tail === 0 ? "" : characters.slice(-tail).join("")}`;
    if (widthOf(shorter) <= columns) return shorter;
  }
  return "…";
}

export function padEnd(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - widthOf(text)));
}

export function padStart(text: string, columns: number): string {
  return " ".repeat(Math.max(0, columns - widthOf(text))) + text;
}

/** A line that is too long goes on in further ones, under its first word and a little to the right. */
export function folded(line: string, columns: number): string[] {
  if (widthOf(line) <= columns) return [line];
  const indent = /^ */.exec(line)?.[0] ?? "";
  const [first = "", ...rest] = wrapped(line.slice(indent.length), columns - indent.length);
  if (rest.length === 0) return [line];
  const under = `${indent}  `;
  return [indent + first, ...wrapped(rest.join(" "), columns - under.length).map((each) => under + each)];
}

/** Words onto lines of at most `columns`; line breaks that are there stay. */
export function wrapped(text: string, columns: number): string[] {
  return text.split("\n").flatMap((paragraph) => {
    const lines: string[] = [];
    let line = "";
    for (const word of paragraph.split(" ")) {
      if (line !== "" && widthOf(line) + 1 + widthOf(word) > columns) {
        lines.push(line);
        line = word;
      } else line = line === "" ? word : `${line} ${word}`;
    }
    return [...lines, line];
  });
}
