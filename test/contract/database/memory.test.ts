import { databaseContract } from "./contract.ts";
import { openMemory } from "./memory.ts";

databaseContract("the fake in memory", () => openMemory());
