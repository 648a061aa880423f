import { databaseContract } from "./contract.ts";
import { openPostgresSubject } from "./postgres.ts";

databaseContract("PostgreSQL", openPostgresSubject);
