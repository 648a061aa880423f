import { sampleOfTheTable } from "./sample.ts";

sampleOfTheTable("SQLite", 2);
