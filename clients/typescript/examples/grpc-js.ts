import { credentials } from "@grpc/grpc-js";
import { tokenFile } from "@ringback/client";
import { bearerToken, grpcJsClient } from "@ringback/client/grpc-js";
import { CallbacksService } from "@ringback/client/v1";

const token = bearerToken(tokenFile("/run/secrets/ringback-token"));
const secured = credentials.combineChannelCredentials(credentials.createSsl(), token);
export const client = grpcJsClient(CallbacksService, "ringback.example:443", secured);
