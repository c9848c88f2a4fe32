// What is copied of a callback, for terminals and tickets. Neither has a credential in it.
import { toJsonString } from "@bufbuild/protobuf";
import { type Callback, CallbackSchema } from "ringback/v1/callback_pb.js";

export function jsonOf(callback: Callback): string {
  return toJsonString(CallbackSchema, callback, { useProtoFieldName: true, prettySpaces: 2 });
}

/** The call that reads it; host, port and token are to be filled in. */
export function grpcurlOf(callbackId: string): string {
  const request = JSON.stringify({ key: { callback_id: callbackId } });
  return `grpcurl -H "authorization: Bearer $TOKEN" -d '${request}' $HOST:$PORT ringback.v1.CallbacksService/GetCallback`;
}
