import { readFile } from "node:fs/promises";

import { Code, ConnectError } from "@connectrpc/connect";

/** A bearer token, or a function that is called for the token of each try of a call. */
export type Token = string | (() => string | Promise<string>);

/**
 * A `token` that is in a file. It is read for each try of a call, so a token that is renewed is used at once: replace the
 * file by renaming another one to it. A call fails with `Unauthenticated`, and nothing is sent, while it has no token.
 */
export function tokenFile(path: string): () => Promise<string> {
  return async () => {
    try {
      return (await readFile(path, "utf8")).trim();
    } catch (error) {
      throw unauthenticated(`the token file cannot be read: ${ConnectError.from(error).rawMessage}`);
    }
  };
}

/** The value of the header `authorization` at this moment. */
export async function authorization(token: Token): Promise<string> {
  const value = typeof token === "function" ? await token() : token;
  // Checked here, since errors of the header itself repeat it.
  if (value === "") throw unauthenticated("the token is empty");
  if (!/^[!-~]+$/.test(value)) throw unauthenticated("the token has characters that no header can carry");
  return `Bearer ${value}`;
}

function unauthenticated(message: string): ConnectError {
  return new ConnectError(message, Code.Unauthenticated);
}
