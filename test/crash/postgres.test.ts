import { sampleOfTheTable } from "./sample.ts";

sampleOfTheTable("PostgreSQL", 1);
