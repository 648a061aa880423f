// The questions of a ceremony, in the order in which the Python CLI asks them. Each answer is
// told to `keep`, so that an interrupted ceremony goes on behind the last one; what a plan
// says already is not asked.

import { DEFAULT_DAYS, expiresAfter } from "../../roles/policy.ts";
import { patternFaults, roleNameFaults } from "../../tuf/paths.ts";
import type { Session } from "../session.ts";
import { askKey, askKeys } from "./ask-keys.ts";
import type { NamedKey } from "./key-files.ts";
import { namedKey, readPublicKey } from "./key-files.ts";
import { isDays, MOST_DAYS } from "./days.ts";
import { BIN_COUNTS, type WrittenKey, type WrittenPlan, type WrittenRole } from "./plan.ts";

const DAY_MS = 86_400_000;
const PLAN_FLAG = "--plan FILE";

/** What is missing of `begun` is asked. */
export async function askPlan(session: Session, begun: WrittenPlan, keep: (plan: WrittenPlan) => Promise<void>): Promise<WrittenPlan> {
  const plan: WrittenPlan = { ...begun };
  const kept = async (change: WrittenPlan): Promise<void> => {
    Object.assign(plan, change);
    await keep(plan);
  };
  for (const role of ["timestamp", "snapshot", "targets"] as const) {
    if (plan[role]?.days === undefined) await kept({ [role]: { days: await askDays(session, role, DEFAULT_DAYS[role]) } });
  }
  if (plan.targets?.keys === undefined && plan.bins === undefined && plan.delegations === undefined) {
    const people = await session.ask.choose({
      message: "Who signs targets, which says who signs everything below it?",
      flag: PLAN_FLAG,
      choices: [{ value: false, label: "Online Key", hint: "delegations change by themselves" }, { value: true, label: "Add Keys", hint: "people sign each change of delegations, as PEP 458 has it" }],
    });
    if (people) {
      const threshold = plan.targets?.threshold ?? (await askThreshold(session, "targets"));
      const keys = await askKeys(session, "targets", threshold, PLAN_FLAG, []);
      await kept({ targets: { ...plan.targets, threshold, keys: keys.map(({ written }) => written) } });
    }
  }
  if (plan.bins === undefined && plan.delegations === undefined) {
    const bins = await session.ask.choose({ message: "How are artifacts spread over roles?", flag: PLAN_FLAG, choices: [{ value: true, label: "Bins (online key only)" }, { value: false, label: "Custom Delegations (online/offline key)" }] });
    await kept(bins ? { bins: {} } : { delegations: await askRoles(session, []) });
  }
  if (plan.bins !== undefined && plan.bins.days === undefined) await kept({ bins: { ...plan.bins, days: await askDays(session, "bins", DEFAULT_DAYS.bins) } });
  if (plan.bins !== undefined && plan.bins.number === undefined) {
    const number = await session.ask.choose({ message: "Please enter number of delegated hash bins", flag: PLAN_FLAG, initial: 256, choices: BIN_COUNTS.map((value) => ({ value, label: String(value), ...(HINTS[value] === undefined ? {} : { hint: HINTS[value] }) })) });
    await kept({ bins: { ...plan.bins, number } });
  }
  if (plan.root?.days === undefined) await kept({ root: { ...plan.root, days: await askDays(session, "root", DEFAULT_DAYS.root) } });
  if (plan.root?.threshold === undefined) await kept({ root: { ...plan.root, threshold: await askThreshold(session, "root") } });
  if (plan.root?.keys === undefined) {
    const keys = await askKeys(session, "root", plan.root?.threshold ?? 1, PLAN_FLAG, []);
    await kept({ root: { ...plan.root, keys: keys.map(({ written }) => written) } });
  }
  if (plan.online === undefined) {
    const others = await keysOf(session, plan.root?.keys ?? []);
    session.note(`The online key signs timestamp, ${plan.targets?.keys === undefined ? "snapshot, targets" : "snapshot"} and bins without people. The service holds its private half.`);
    await kept({ online: (await askKey(session, "the online key", others, PLAN_FLAG, { online: true })).written });
  }
  return plan;
}

const HINTS: Readonly<Record<number, string>> = { 256: "up to some 100,000 artifacts", 1024: "up to some 500,000", 2048: "the most that tuf-js reads in reasonable time", 16384: "millions, as PEP 458 has it" };

async function askDays(session: Session, role: string, initial: number): Promise<number> {
  const days = Number(
    await session.ask.text({ message: `Please enter days until expiry for '${role}' role`, flag: PLAN_FLAG, initial: String(initial), check: (answer) => (isDays(Number(answer)) ? undefined : `a whole number from 1 to ${MOST_DAYS}`) }),
  );
  session.note(`New expiry date is: ${expiresAfter(session.context.clock.now(), days * DAY_MS).text}`);
  return days;
}

export async function askThreshold(session: Session, role: string, initial = 2): Promise<number> {
  return Number(await session.ask.text({ message: `Please enter '${role}' threshold`, flag: PLAN_FLAG, initial: String(initial), check: (answer) => (/^[1-9][0-9]?$/.test(answer) ? undefined : "a whole number from 1 to 99: so many must sign together") }));
}

/** Keys named before, to compare with. One that can no longer be read is told when the plan is checked. */
async function keysOf(session: Session, written: readonly WrittenKey[]): Promise<NamedKey[]> {
  const keys = await Promise.all(
    written.map(async (each) => {
      const { file, name } = typeof each === "string" ? { file: each, name: undefined } : each;
      const read = await readPublicKey(session.path(file), file).catch(() => undefined);
      return read === undefined ? undefined : namedKey(read.key, name ?? read.suggestedName);
    }),
  );
  return keys.filter((key) => key !== undefined);
}

/**
 * Custom roles, one after another.
 * @param flag what names a role where nobody can be asked
 */
export async function askRoles(session: Session, taken: readonly string[], flag = PLAN_FLAG): Promise<WrittenRole[]> {
  const roles: WrittenRole[] = [];
  for (;;) {
    if (roles.length === 0) {
      roles.push(await askRole(session, taken, flag));
      continue;
    }
    const next = await session.ask.choose<"continue" | "add" | "remove">({
      message: `Delegated roles: ${roles.map(({ name }) => name).join(", ")}`,
      flag: PLAN_FLAG,
      choices: [{ value: "continue", label: "continue" }, { value: "add", label: "add new delegation" }, { value: "remove", label: "remove delegation" }],
    });
    if (next === "continue") return roles;
    if (next === "add") roles.push(await askRole(session, [...taken, ...roles.map(({ name }) => name)], flag));
    else {
      const gone = await session.ask.choose({ message: "Which one goes?", flag: PLAN_FLAG, choices: roles.map((role) => ({ value: role, label: role.name, hint: role.paths.join(" ") })) });
      roles.splice(roles.indexOf(gone), 1);
    }
  }
}

async function askRole(session: Session, taken: readonly string[], flag: string): Promise<WrittenRole> {
  const name = await session.ask.text({
    message: "Please enter delegated target role name",
    flag,
    check: (answer) => (taken.some((other) => other.toLowerCase() === answer.toLowerCase()) ? "there is a role of this name" : roleNameFaults(answer).map((fault) => `the name ${fault}`)[0]),
  });
  return { name, ...(await askRoleFacts(session, name)) };
}

/** Everything about a role but its name. */
export async function askRoleFacts(session: Session, name: string, before?: Omit<WrittenRole, "name">): Promise<Omit<WrittenRole, "name">> {
  const days = await askDays(session, name, before?.days ?? DEFAULT_DAYS.targets);
  const paths = await askPaths(session, before?.paths ?? []);
  const people = await session.ask.choose({ message: "Select signing:", flag: PLAN_FLAG, choices: [{ value: false, label: "Online Key (use the existing)" }, { value: true, label: "Add Keys", hint: "people sign each new version" }] });
  if (!people) return { days, paths, terminating: true, threshold: 1, keys: [] };
  const threshold = await askThreshold(session, name);
  const keys = await askKeys(session, name, threshold, PLAN_FLAG, []);
  return { days, paths, terminating: true, threshold, keys: keys.map(({ written }) => written) };
}

async function askPaths(session: Session, before: readonly string[]): Promise<string[]> {
  const paths = [...before];
  const add = async (): Promise<void> => {
    paths.push(await session.ask.text({ message: "Please enter path", flag: PLAN_FLAG, placeholder: "project/*", check: (answer) => (answer === "" ? "a pattern such as project/*" : patternFaults(answer)[0]) }));
  };
  for (;;) {
    if (paths.length === 0) {
      await add();
      continue;
    }
    const next = await session.ask.choose<"continue" | "add" | "remove">({ message: `Paths: ${paths.join(" ")}`, flag: PLAN_FLAG, choices: [{ value: "continue", label: "continue" }, { value: "add", label: "add new path" }, { value: "remove", label: "remove path" }] });
    if (next === "continue") return paths;
    if (next === "add") await add();
    else paths.splice(paths.indexOf(await session.ask.choose({ message: "Which one goes?", flag: PLAN_FLAG, choices: paths.map((path) => ({ value: path, label: path })) })), 1);
  }
}
