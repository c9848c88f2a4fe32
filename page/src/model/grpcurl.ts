// The call that reads a callback, for a terminal. Pure.

/** Return a command for POSIX shells. Host and port are placeholders, and the token is a variable: neither is known here. */
export function grpcurl(callbackId: string, withToken: boolean): string {
  const request = JSON.stringify({ key: { callback_id: callbackId } });
  const header = withToken ? '-H "authorization: Bearer $RINGBACK_TOKEN" ' : "";
  return `grpcurl ${header}-d ${shellQuoted(request)} HOST:PORT ringback.v1.CallbacksService/GetCallback`;
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
