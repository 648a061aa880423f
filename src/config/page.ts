// docs/operate/configuration.md, from the table of keys. `node tools/configuration-page.ts`
// writes it; a test fails when the two differ.

import { environmentName } from "./environment.ts";
import { SETTINGS } from "./schema.ts";

const INTRODUCTION = `# Configuration

Generated from \`src/config/schema.ts\` by \`node tools/configuration-page.ts\`.

Nothing needs to be configured to begin. A value is looked for in this order: the command line,
the environment, the YAML file that \`--config\` or \`RSTUF_CONFIG\` names, the default. Everything
is checked at start: a fault ends it with exit code 1 and the list of all of them, each with its
key and where the value came from. The effective configuration is logged once, secrets left out.

- In YAML a dot is a level: \`server.port\` is \`port\` under \`server\`. A key that is not in this
  list is refused. Relative paths in the file are relative to the file, others to the folder the
  program was started in.
- The environment's name of a key is mechanical: \`publisher.minIntervalMs\` is
  \`RSTUF_PUBLISHER_MIN_INTERVAL_MS\`. An empty variable counts as not set; one that begins with
  \`RSTUF_\` and names no key is reported and ignored.
- A secret can always be given by the name of a file that holds it: \`...File\`, \`..._FILE\`.
- Times and sizes carry their unit in their name and are plain whole numbers.

\`\`\`yaml
server: { host: 0.0.0.0, port: 443 }
dataDir: /var/lib/rstuf
api:
  tokensFile: /etc/rstuf/tokens
tls: { cert: /etc/rstuf/tls.pem, key: /etc/rstuf/tls.key }
\`\`\`
`;

const LEGACY = `## Names of the Python implementation

Read with one warning each, unless the new name is set: \`RSTUF_ONLINE_KEY_DIR\` (\`keyDir\`),
\`RSTUF_LOCAL_STORAGE_BACKEND_PATH\` and \`RSTUF_LOCAL_STORAGE_PATH\` (\`metadata.directory\`),
\`RSTUF_DISABLE_ENDPOINTS\` and \`RSTUF_DISABLED_ENDPOINTS\` (\`api.disabledEndpoints\`),
\`SECRETS_RSTUF_SSL_CERT\` and \`SECRETS_RSTUF_SSL_KEY\` (\`tls.cert\`, \`tls.key\`),
\`RSTUF_STORAGE_BACKEND\` (\`storage.kind\`: \`LocalStorage\` or \`AWSS3\`), and the names that begin with
\`RSTUF_AWS_\`: \`STORAGE_BUCKET\`, \`ACCESS_KEY_ID\`, \`SECRET_ACCESS_KEY\`, \`DEFAULT_REGION\`,
\`ENDPOINT_URL\` and \`S3_OBJECT_ACL\` (\`storage.bucket\`, \`accessKeyId\`, \`secretAccessKey\`, \`region\`,
\`endpoint\`, \`acl\`). \`RSTUF_LOG_LEVEL\` keeps its name. Variables for a broker, Redis, an SQL server
and cloud keys are named in a warning that says what to do instead.
`;

export function configurationPage(): string {
  const parts = [INTRODUCTION];
  for (const [key, setting] of SETTINGS) {
    parts.push(
      [
        `## \`${key}\`\n`,
        setting.meaning + (setting.wrong === undefined ? "" : ` ${setting.wrong}`) + "\n",
        `- Value: ${setting.form}`,
        `- Default: ${setting.shown}`,
        `- Environment: \`${environmentName(key)}\`${setting.secret ? `, or \`${environmentName(`${key}File`)}\`` : ""}`,
        ...(setting.flag === undefined ? [] : [`- Flag: \`${setting.flag}\``]),
        "",
      ].join("\n"),
    );
  }
  parts.push(LEGACY);
  return parts.join("\n");
}
