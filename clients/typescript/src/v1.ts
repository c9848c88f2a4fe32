/** All generated stubs of `ringback.v1`. They import nothing of Node.js, so a browser can have them, too. */

export * from "./gen/ringback/v1/callback_pb.js";
export * from "./gen/ringback/v1/callbacks_service_pb.js";
export * from "./gen/ringback/v1/dialer_service_pb.js";
export * from "./gen/ringback/v1/directory_service_pb.js";
export * from "./gen/ringback/v1/error_reason_pb.js";
