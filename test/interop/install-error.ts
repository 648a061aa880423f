/** Something is missing on this machine; the message says what to install. */
export class InstallError extends Error {}
