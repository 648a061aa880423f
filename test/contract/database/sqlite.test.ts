import { databaseContract } from "./contract.ts";
import { openSqliteSubject } from "./sqlite.ts";

databaseContract("sqlite", openSqliteSubject);
