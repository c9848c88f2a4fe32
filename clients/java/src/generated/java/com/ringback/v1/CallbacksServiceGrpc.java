package com.ringback.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * Takes callback requests, and returns and streams what has become of them.
 * `caller_id` names the calling *system*, for example "crm-zurich". It is not a telephone caller ID, and no phone
 * ever shows it.
 * Creating is idempotent. A callback is durable before it is acknowledged. When the acknowledgement is lost,
 * send the same request again: an equal request with the same (`caller_id`, `external_task_id`) is answered
 * OK with the existing callback and `created` = false, also when that has ended. Requests are compared as
 * they were first sent, so an unset `due_date` equals itself a second later, and an update in between
 * makes no difference. A different request under the same id is CALLBACK_ALREADY_EXISTS. Without an
 * `external_task_id`, a `request_id` does the same. With neither, every request is a new
 * callback.
 * Watching misses nothing. The server keeps one log of all committed changes, and a watch is a reader of
 * that log. Each response of the stream carries a `resume_token`; a new watch with the last one continues
 * exactly there, on any replica and after any crash. Events of one callback arrive in the order in which
 * they happened, none is invented, left out or reordered, and only committed changes are sent. A client that keeps
 * a map of callback_id to Callback (storing the callback of SNAPSHOT, CREATED and UPDATED, deleting at
 * REMOVED) always has what ListCallbacks would return. After a broken connection some events may come a
 * second time, when the response with their token did not arrive; the larger `revision` wins.
 * Sizes: the server receives messages of up to 32 MiB, which is more than any request that this contract allows.
 * Every response stays below 4 MiB, which is what gRPC clients receive by default, whatever is stored.
 * Stopping: a server that stops refuses calls with UNAVAILABLE, SERVER_DRAINING and `google.rpc.RetryInfo`; see
 * error_reason.proto.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class CallbacksServiceGrpc {

  private CallbacksServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "ringback.v1.CallbacksService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.CreateCallbackRequest,
      com.ringback.v1.CreateCallbackResponse> getCreateCallbackMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CreateCallback",
      requestType = com.ringback.v1.CreateCallbackRequest.class,
      responseType = com.ringback.v1.CreateCallbackResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<com.ringback.v1.CreateCallbackRequest,
      com.ringback.v1.CreateCallbackResponse> getCreateCallbackMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.CreateCallbackRequest, com.ringback.v1.CreateCallbackResponse> getCreateCallbackMethod;
    if ((getCreateCallbackMethod = CallbacksServiceGrpc.getCreateCallbackMethod) == null) {
      synchronized (CallbacksServiceGrpc.class) {
        if ((getCreateCallbackMethod = CallbacksServiceGrpc.getCreateCallbackMethod) == null) {
          CallbacksServiceGrpc.getCreateCallbackMethod = getCreateCallbackMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.CreateCallbackRequest, com.ringback.v1.CreateCallbackResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CreateCallback"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.CreateCallbackRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.CreateCallbackResponse.getDefaultInstance()))
              .setSchemaDescriptor(new CallbacksServiceMethodDescriptorSupplier("CreateCallback"))
              .build();
        }
      }
    }
    return getCreateCallbackMethod;
  }

  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.BatchCreateCallbacksRequest,
      com.ringback.v1.BatchCreateCallbacksResponse> getBatchCreateCallbacksMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "BatchCreateCallbacks",
      requestType = com.ringback.v1.BatchCreateCallbacksRequest.class,
      responseType = com.ringback.v1.BatchCreateCallbacksResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<com.ringback.v1.BatchCreateCallbacksRequest,
      com.ringback.v1.BatchCreateCallbacksResponse> getBatchCreateCallbacksMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.BatchCreateCallbacksRequest, com.ringback.v1.BatchCreateCallbacksResponse> getBatchCreateCallbacksMethod;
    if ((getBatchCreateCallbacksMethod = CallbacksServiceGrpc.getBatchCreateCallbacksMethod) == null) {
      synchronized (CallbacksServiceGrpc.class) {
        if ((getBatchCreateCallbacksMethod = CallbacksServiceGrpc.getBatchCreateCallbacksMethod) == null) {
          CallbacksServiceGrpc.getBatchCreateCallbacksMethod = getBatchCreateCallbacksMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.BatchCreateCallbacksRequest, com.ringback.v1.BatchCreateCallbacksResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "BatchCreateCallbacks"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.BatchCreateCallbacksRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.BatchCreateCallbacksResponse.getDefaultInstance()))
              .setSchemaDescriptor(new CallbacksServiceMethodDescriptorSupplier("BatchCreateCallbacks"))
              .build();
        }
      }
    }
    return getBatchCreateCallbacksMethod;
  }

  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.GetCallbackRequest,
      com.ringback.v1.GetCallbackResponse> getGetCallbackMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetCallback",
      requestType = com.ringback.v1.GetCallbackRequest.class,
      responseType = com.ringback.v1.GetCallbackResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<com.ringback.v1.GetCallbackRequest,
      com.ringback.v1.GetCallbackResponse> getGetCallbackMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.GetCallbackRequest, com.ringback.v1.GetCallbackResponse> getGetCallbackMethod;
    if ((getGetCallbackMethod = CallbacksServiceGrpc.getGetCallbackMethod) == null) {
      synchronized (CallbacksServiceGrpc.class) {
        if ((getGetCallbackMethod = CallbacksServiceGrpc.getGetCallbackMethod) == null) {
          CallbacksServiceGrpc.getGetCallbackMethod = getGetCallbackMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.GetCallbackRequest, com.ringback.v1.GetCallbackResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetCallback"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.GetCallbackRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.GetCallbackResponse.getDefaultInstance()))
              .setSchemaDescriptor(new CallbacksServiceMethodDescriptorSupplier("GetCallback"))
              .build();
        }
      }
    }
    return getGetCallbackMethod;
  }

  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.ListCallbacksRequest,
      com.ringback.v1.ListCallbacksResponse> getListCallbacksMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListCallbacks",
      requestType = com.ringback.v1.ListCallbacksRequest.class,
      responseType = com.ringback.v1.ListCallbacksResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<com.ringback.v1.ListCallbacksRequest,
      com.ringback.v1.ListCallbacksResponse> getListCallbacksMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.ListCallbacksRequest, com.ringback.v1.ListCallbacksResponse> getListCallbacksMethod;
    if ((getListCallbacksMethod = CallbacksServiceGrpc.getListCallbacksMethod) == null) {
      synchronized (CallbacksServiceGrpc.class) {
        if ((getListCallbacksMethod = CallbacksServiceGrpc.getListCallbacksMethod) == null) {
          CallbacksServiceGrpc.getListCallbacksMethod = getListCallbacksMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.ListCallbacksRequest, com.ringback.v1.ListCallbacksResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListCallbacks"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.ListCallbacksRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.ListCallbacksResponse.getDefaultInstance()))
              .setSchemaDescriptor(new CallbacksServiceMethodDescriptorSupplier("ListCallbacks"))
              .build();
        }
      }
    }
    return getListCallbacksMethod;
  }

  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.CountCallbacksRequest,
      com.ringback.v1.CountCallbacksResponse> getCountCallbacksMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CountCallbacks",
      requestType = com.ringback.v1.CountCallbacksRequest.class,
      responseType = com.ringback.v1.CountCallbacksResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<com.ringback.v1.CountCallbacksRequest,
      com.ringback.v1.CountCallbacksResponse> getCountCallbacksMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.CountCallbacksRequest, com.ringback.v1.CountCallbacksResponse> getCountCallbacksMethod;
    if ((getCountCallbacksMethod = CallbacksServiceGrpc.getCountCallbacksMethod) == null) {
      synchronized (CallbacksServiceGrpc.class) {
        if ((getCountCallbacksMethod = CallbacksServiceGrpc.getCountCallbacksMethod) == null) {
          CallbacksServiceGrpc.getCountCallbacksMethod = getCountCallbacksMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.CountCallbacksRequest, com.ringback.v1.CountCallbacksResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CountCallbacks"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.CountCallbacksRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.CountCallbacksResponse.getDefaultInstance()))
              .setSchemaDescriptor(new CallbacksServiceMethodDescriptorSupplier("CountCallbacks"))
              .build();
        }
      }
    }
    return getCountCallbacksMethod;
  }

  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.ListCallbackEventsRequest,
      com.ringback.v1.ListCallbackEventsResponse> getListCallbackEventsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListCallbackEvents",
      requestType = com.ringback.v1.ListCallbackEventsRequest.class,
      responseType = com.ringback.v1.ListCallbackEventsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<com.ringback.v1.ListCallbackEventsRequest,
      com.ringback.v1.ListCallbackEventsResponse> getListCallbackEventsMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.ListCallbackEventsRequest, com.ringback.v1.ListCallbackEventsResponse> getListCallbackEventsMethod;
    if ((getListCallbackEventsMethod = CallbacksServiceGrpc.getListCallbackEventsMethod) == null) {
      synchronized (CallbacksServiceGrpc.class) {
        if ((getListCallbackEventsMethod = CallbacksServiceGrpc.getListCallbackEventsMethod) == null) {
          CallbacksServiceGrpc.getListCallbackEventsMethod = getListCallbackEventsMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.ListCallbackEventsRequest, com.ringback.v1.ListCallbackEventsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListCallbackEvents"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.ListCallbackEventsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.ListCallbackEventsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new CallbacksServiceMethodDescriptorSupplier("ListCallbackEvents"))
              .build();
        }
      }
    }
    return getListCallbackEventsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.GetCallTraceRequest,
      com.ringback.v1.GetCallTraceResponse> getGetCallTraceMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetCallTrace",
      requestType = com.ringback.v1.GetCallTraceRequest.class,
      responseType = com.ringback.v1.GetCallTraceResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<com.ringback.v1.GetCallTraceRequest,
      com.ringback.v1.GetCallTraceResponse> getGetCallTraceMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.GetCallTraceRequest, com.ringback.v1.GetCallTraceResponse> getGetCallTraceMethod;
    if ((getGetCallTraceMethod = CallbacksServiceGrpc.getGetCallTraceMethod) == null) {
      synchronized (CallbacksServiceGrpc.class) {
        if ((getGetCallTraceMethod = CallbacksServiceGrpc.getGetCallTraceMethod) == null) {
          CallbacksServiceGrpc.getGetCallTraceMethod = getGetCallTraceMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.GetCallTraceRequest, com.ringback.v1.GetCallTraceResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetCallTrace"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.GetCallTraceRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.GetCallTraceResponse.getDefaultInstance()))
              .setSchemaDescriptor(new CallbacksServiceMethodDescriptorSupplier("GetCallTrace"))
              .build();
        }
      }
    }
    return getGetCallTraceMethod;
  }

  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.CancelCallbackRequest,
      com.ringback.v1.CancelCallbackResponse> getCancelCallbackMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CancelCallback",
      requestType = com.ringback.v1.CancelCallbackRequest.class,
      responseType = com.ringback.v1.CancelCallbackResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<com.ringback.v1.CancelCallbackRequest,
      com.ringback.v1.CancelCallbackResponse> getCancelCallbackMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.CancelCallbackRequest, com.ringback.v1.CancelCallbackResponse> getCancelCallbackMethod;
    if ((getCancelCallbackMethod = CallbacksServiceGrpc.getCancelCallbackMethod) == null) {
      synchronized (CallbacksServiceGrpc.class) {
        if ((getCancelCallbackMethod = CallbacksServiceGrpc.getCancelCallbackMethod) == null) {
          CallbacksServiceGrpc.getCancelCallbackMethod = getCancelCallbackMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.CancelCallbackRequest, com.ringback.v1.CancelCallbackResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CancelCallback"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.CancelCallbackRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.CancelCallbackResponse.getDefaultInstance()))
              .setSchemaDescriptor(new CallbacksServiceMethodDescriptorSupplier("CancelCallback"))
              .build();
        }
      }
    }
    return getCancelCallbackMethod;
  }

  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.UpdateCallbackRequest,
      com.ringback.v1.UpdateCallbackResponse> getUpdateCallbackMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "UpdateCallback",
      requestType = com.ringback.v1.UpdateCallbackRequest.class,
      responseType = com.ringback.v1.UpdateCallbackResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<com.ringback.v1.UpdateCallbackRequest,
      com.ringback.v1.UpdateCallbackResponse> getUpdateCallbackMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.UpdateCallbackRequest, com.ringback.v1.UpdateCallbackResponse> getUpdateCallbackMethod;
    if ((getUpdateCallbackMethod = CallbacksServiceGrpc.getUpdateCallbackMethod) == null) {
      synchronized (CallbacksServiceGrpc.class) {
        if ((getUpdateCallbackMethod = CallbacksServiceGrpc.getUpdateCallbackMethod) == null) {
          CallbacksServiceGrpc.getUpdateCallbackMethod = getUpdateCallbackMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.UpdateCallbackRequest, com.ringback.v1.UpdateCallbackResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "UpdateCallback"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.UpdateCallbackRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.UpdateCallbackResponse.getDefaultInstance()))
              .setSchemaDescriptor(new CallbacksServiceMethodDescriptorSupplier("UpdateCallback"))
              .build();
        }
      }
    }
    return getUpdateCallbackMethod;
  }

  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.ResolveCallbacksRequest,
      com.ringback.v1.ResolveCallbacksResponse> getResolveCallbacksMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ResolveCallbacks",
      requestType = com.ringback.v1.ResolveCallbacksRequest.class,
      responseType = com.ringback.v1.ResolveCallbacksResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<com.ringback.v1.ResolveCallbacksRequest,
      com.ringback.v1.ResolveCallbacksResponse> getResolveCallbacksMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.ResolveCallbacksRequest, com.ringback.v1.ResolveCallbacksResponse> getResolveCallbacksMethod;
    if ((getResolveCallbacksMethod = CallbacksServiceGrpc.getResolveCallbacksMethod) == null) {
      synchronized (CallbacksServiceGrpc.class) {
        if ((getResolveCallbacksMethod = CallbacksServiceGrpc.getResolveCallbacksMethod) == null) {
          CallbacksServiceGrpc.getResolveCallbacksMethod = getResolveCallbacksMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.ResolveCallbacksRequest, com.ringback.v1.ResolveCallbacksResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ResolveCallbacks"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.ResolveCallbacksRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.ResolveCallbacksResponse.getDefaultInstance()))
              .setSchemaDescriptor(new CallbacksServiceMethodDescriptorSupplier("ResolveCallbacks"))
              .build();
        }
      }
    }
    return getResolveCallbacksMethod;
  }

  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.WatchCallbacksRequest,
      com.ringback.v1.WatchCallbacksResponse> getWatchCallbacksMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "WatchCallbacks",
      requestType = com.ringback.v1.WatchCallbacksRequest.class,
      responseType = com.ringback.v1.WatchCallbacksResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<com.ringback.v1.WatchCallbacksRequest,
      com.ringback.v1.WatchCallbacksResponse> getWatchCallbacksMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.WatchCallbacksRequest, com.ringback.v1.WatchCallbacksResponse> getWatchCallbacksMethod;
    if ((getWatchCallbacksMethod = CallbacksServiceGrpc.getWatchCallbacksMethod) == null) {
      synchronized (CallbacksServiceGrpc.class) {
        if ((getWatchCallbacksMethod = CallbacksServiceGrpc.getWatchCallbacksMethod) == null) {
          CallbacksServiceGrpc.getWatchCallbacksMethod = getWatchCallbacksMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.WatchCallbacksRequest, com.ringback.v1.WatchCallbacksResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "WatchCallbacks"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.WatchCallbacksRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.WatchCallbacksResponse.getDefaultInstance()))
              .setSchemaDescriptor(new CallbacksServiceMethodDescriptorSupplier("WatchCallbacks"))
              .build();
        }
      }
    }
    return getWatchCallbacksMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static CallbacksServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<CallbacksServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<CallbacksServiceStub>() {
        @java.lang.Override
        public CallbacksServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new CallbacksServiceStub(channel, callOptions);
        }
      };
    return CallbacksServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static CallbacksServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<CallbacksServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<CallbacksServiceBlockingV2Stub>() {
        @java.lang.Override
        public CallbacksServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new CallbacksServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return CallbacksServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static CallbacksServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<CallbacksServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<CallbacksServiceBlockingStub>() {
        @java.lang.Override
        public CallbacksServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new CallbacksServiceBlockingStub(channel, callOptions);
        }
      };
    return CallbacksServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static CallbacksServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<CallbacksServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<CallbacksServiceFutureStub>() {
        @java.lang.Override
        public CallbacksServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new CallbacksServiceFutureStub(channel, callOptions);
        }
      };
    return CallbacksServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * Takes callback requests, and returns and streams what has become of them.
   * `caller_id` names the calling *system*, for example "crm-zurich". It is not a telephone caller ID, and no phone
   * ever shows it.
   * Creating is idempotent. A callback is durable before it is acknowledged. When the acknowledgement is lost,
   * send the same request again: an equal request with the same (`caller_id`, `external_task_id`) is answered
   * OK with the existing callback and `created` = false, also when that has ended. Requests are compared as
   * they were first sent, so an unset `due_date` equals itself a second later, and an update in between
   * makes no difference. A different request under the same id is CALLBACK_ALREADY_EXISTS. Without an
   * `external_task_id`, a `request_id` does the same. With neither, every request is a new
   * callback.
   * Watching misses nothing. The server keeps one log of all committed changes, and a watch is a reader of
   * that log. Each response of the stream carries a `resume_token`; a new watch with the last one continues
   * exactly there, on any replica and after any crash. Events of one callback arrive in the order in which
   * they happened, none is invented, left out or reordered, and only committed changes are sent. A client that keeps
   * a map of callback_id to Callback (storing the callback of SNAPSHOT, CREATED and UPDATED, deleting at
   * REMOVED) always has what ListCallbacks would return. After a broken connection some events may come a
   * second time, when the response with their token did not arrive; the larger `revision` wins.
   * Sizes: the server receives messages of up to 32 MiB, which is more than any request that this contract allows.
   * Every response stays below 4 MiB, which is what gRPC clients receive by default, whatever is stored.
   * Stopping: a server that stops refuses calls with UNAVAILABLE, SERVER_DRAINING and `google.rpc.RetryInfo`; see
   * error_reason.proto.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Takes one callback request. Idempotent, see above.
     * INVALID_FIELD (all faults at once, nothing stored), SERVICE_NOT_FOUND, CALLBACK_ALREADY_EXISTS,
     * TARGET_ALREADY_PENDING, REQUEST_ID_REUSED, QUOTA_EXCEEDED.
     * </pre>
     */
    default void createCallback(com.ringback.v1.CreateCallbackRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.CreateCallbackResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCreateCallbackMethod(), responseObserver);
    }

    /**
     * <pre>
     * Takes up to 1000 callback requests in one call. Each succeeds or fails for itself, as if sent alone, in
     * the order given; an item that equals an earlier one of the same batch is answered as its repetition.
     * All that succeeded is durable when the answer comes.
     * INVALID_FIELD for fewer than 1 or more than 1000 items, and, with `include_callbacks`, when the response could
     * exceed 4 MiB: nothing is stored then. Errors of items are in `results`; errors of authentication, rate and
     * storage fail the call.
     * </pre>
     */
    default void batchCreateCallbacks(com.ringback.v1.BatchCreateCallbacksRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.BatchCreateCallbacksResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getBatchCreateCallbacksMethod(), responseObserver);
    }

    /**
     * <pre>
     * Returns one callback, with every attempt.
     * CALLBACK_NOT_FOUND.
     * </pre>
     */
    default void getCallback(com.ringback.v1.GetCallbackRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.GetCallbackResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetCallbackMethod(), responseObserver);
    }

    /**
     * <pre>
     * Returns the callbacks that match a filter, the newest first. A page may be shorter than `page_size`
     * although more follow, because it stays under 2 MiB: the end is an empty `next_page_token`. What is
     * created after the first page is not listed, and a change between two pages may show or hide a
     * callback; a watch from `resume_token` sets both right.
     * PAGE_TOKEN_INVALID.
     * </pre>
     */
    default void listCallbacks(com.ringback.v1.ListCallbacksRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.ListCallbacksResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListCallbacksMethod(), responseObserver);
    }

    /**
     * <pre>
     * Returns how many callbacks match a filter, by state.
     * No reasons of its own.
     * </pre>
     */
    default void countCallbacks(com.ringback.v1.CountCallbacksRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.CountCallbacksResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCountCallbacksMethod(), responseObserver);
    }

    /**
     * <pre>
     * Returns what happened to one callback, the oldest first: the events that WatchCallbacks has sent of it, as far as
     * the server keeps them: a setting, by default a day, and at least the last 100,000 of all callbacks.
     * CALLBACK_NOT_FOUND, PAGE_TOKEN_INVALID.
     * </pre>
     */
    default void listCallbackEvents(com.ringback.v1.ListCallbackEventsRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.ListCallbackEventsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListCallbackEventsMethod(), responseObserver);
    }

    /**
     * <pre>
     * Returns the SIP messages of one attempt of a callback, as the built-in SIP dialer of this server has sent and
     * received them. Numbers in them are masked, and credentials are taken out. They are kept in memory, of the last calls
     * only: an empty response means that this server has none. For operators.
     * CALLBACK_NOT_FOUND, INVALID_FIELD for an attempt that the callback does not have.
     * </pre>
     */
    default void getCallTrace(com.ringback.v1.GetCallTraceRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.GetCallTraceResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetCallTraceMethod(), responseObserver);
    }

    /**
     * <pre>
     * Cancels a callback, and says what happened: before DIALING it is CANCELLED at once; in DIALING it
     * becomes CANCELLING, and the dialer is told to hang up. Cancelling what is CANCELLING or CANCELLED is OK
     * and changes nothing; the first reason stays.
     * CALLBACK_NOT_FOUND, CALLBACK_CONNECTED, CALLBACK_ENDED (COMPLETED, FAILED or EXPIRED), ETAG_MISMATCH.
     * </pre>
     */
    default void cancelCallback(com.ringback.v1.CancelCallbackRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.CancelCallbackResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCancelCallbackMethod(), responseObserver);
    }

    /**
     * <pre>
     * Changes fields of a callback's request. What is changed is named by `update_mask`; everything else stays.
     * While the callback waits, in SCHEDULED and QUEUED: `target`, `alternative_target`, `max_retries`,
     * `seconds_between_retries`, `priority`, `due_date` and `expire_time`. Until it has ended, in every state:
     * `description`, `context_url`, `supervisor` and `labels`; the dialer of a running call gets them with its next
     * report or ExtendLeases. The other fields cannot be changed.
     * - The rules of each field are those of CreateCallback, and so are those of the service about its
     *   `same_target_policy`: a new target with an open callback is TARGET_ALREADY_PENDING unless the policy is ALLOW.
     * - `target` alone clears `alternative_target`.
     * - A new `priority` keeps `queue_time` and the place in time within the new level. A new `due_date` gives a new
     *   place. It replaces the time of a retry, but cannot undercut `seconds_between_retries`.
     * - Attempts made so far keep counting: `max_retries` cannot be less than their number. A `max_retries` that is
     *   named but unset is the service's default.
     * - An `expire_time` that is unset is worked out again from a new due date. Where it is named, it must lie in the
     *   future, also when it is worked out.
     * CALLBACK_NOT_FOUND, CALLBACK_IN_PROGRESS, CALLBACK_CONNECTED, CALLBACK_ENDED, ETAG_MISMATCH,
     * TARGET_ALREADY_PENDING, INVALID_FIELD (also for a due date that is not before the `expire_time`, an empty mask,
     * and a path that cannot be changed).
     * </pre>
     */
    default void updateCallback(com.ringback.v1.UpdateCallbackRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.UpdateCallbackResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getUpdateCallbackMethod(), responseObserver);
    }

    /**
     * <pre>
     * Ends all open callbacks to one target, for example because that customer has just called in. Each ends
     * as CancelCallback would end it; one that is CONNECTED is left alone and returned as it is. Covers the callbacks
     * that the credential may cancel. No match is OK, with an empty response. One call ends at most 1000 callbacks:
     * while the response says `more`, call again.
     * INVALID_FIELD.
     * </pre>
     */
    default void resolveCallbacks(com.ringback.v1.ResolveCallbacksRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.ResolveCallbacksResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getResolveCallbacksMethod(), responseObserver);
    }

    /**
     * <pre>
     * Streams the changes of all callbacks that match a filter. See above for what is promised.
     * The first response comes at once, with or without events; then one whenever something happens, and
     * otherwise one without events every `heartbeat_interval`. A client that has heard nothing for two
     * intervals should assume a dead connection and watch again with its last token. A slow client is
     * neither dropped nor skipped: it lags behind, and catches up.
     * The server ends every stream with OK, after a last response with a token, when it stops, and otherwise
     * after 30 minutes, give or take 10 %. Watch again with that token.
     * RESUME_TOKEN_INVALID, RESUME_TOKEN_EXPIRED (with SNAPSHOT_MODE_NEVER only), QUOTA_EXCEEDED.
     * </pre>
     */
    default void watchCallbacks(com.ringback.v1.WatchCallbacksRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.WatchCallbacksResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getWatchCallbacksMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service CallbacksService.
   * <pre>
   * Takes callback requests, and returns and streams what has become of them.
   * `caller_id` names the calling *system*, for example "crm-zurich". It is not a telephone caller ID, and no phone
   * ever shows it.
   * Creating is idempotent. A callback is durable before it is acknowledged. When the acknowledgement is lost,
   * send the same request again: an equal request with the same (`caller_id`, `external_task_id`) is answered
   * OK with the existing callback and `created` = false, also when that has ended. Requests are compared as
   * they were first sent, so an unset `due_date` equals itself a second later, and an update in between
   * makes no difference. A different request under the same id is CALLBACK_ALREADY_EXISTS. Without an
   * `external_task_id`, a `request_id` does the same. With neither, every request is a new
   * callback.
   * Watching misses nothing. The server keeps one log of all committed changes, and a watch is a reader of
   * that log. Each response of the stream carries a `resume_token`; a new watch with the last one continues
   * exactly there, on any replica and after any crash. Events of one callback arrive in the order in which
   * they happened, none is invented, left out or reordered, and only committed changes are sent. A client that keeps
   * a map of callback_id to Callback (storing the callback of SNAPSHOT, CREATED and UPDATED, deleting at
   * REMOVED) always has what ListCallbacks would return. After a broken connection some events may come a
   * second time, when the response with their token did not arrive; the larger `revision` wins.
   * Sizes: the server receives messages of up to 32 MiB, which is more than any request that this contract allows.
   * Every response stays below 4 MiB, which is what gRPC clients receive by default, whatever is stored.
   * Stopping: a server that stops refuses calls with UNAVAILABLE, SERVER_DRAINING and `google.rpc.RetryInfo`; see
   * error_reason.proto.
   * </pre>
   */
  public static abstract class CallbacksServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return CallbacksServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service CallbacksService.
   * <pre>
   * Takes callback requests, and returns and streams what has become of them.
   * `caller_id` names the calling *system*, for example "crm-zurich". It is not a telephone caller ID, and no phone
   * ever shows it.
   * Creating is idempotent. A callback is durable before it is acknowledged. When the acknowledgement is lost,
   * send the same request again: an equal request with the same (`caller_id`, `external_task_id`) is answered
   * OK with the existing callback and `created` = false, also when that has ended. Requests are compared as
   * they were first sent, so an unset `due_date` equals itself a second later, and an update in between
   * makes no difference. A different request under the same id is CALLBACK_ALREADY_EXISTS. Without an
   * `external_task_id`, a `request_id` does the same. With neither, every request is a new
   * callback.
   * Watching misses nothing. The server keeps one log of all committed changes, and a watch is a reader of
   * that log. Each response of the stream carries a `resume_token`; a new watch with the last one continues
   * exactly there, on any replica and after any crash. Events of one callback arrive in the order in which
   * they happened, none is invented, left out or reordered, and only committed changes are sent. A client that keeps
   * a map of callback_id to Callback (storing the callback of SNAPSHOT, CREATED and UPDATED, deleting at
   * REMOVED) always has what ListCallbacks would return. After a broken connection some events may come a
   * second time, when the response with their token did not arrive; the larger `revision` wins.
   * Sizes: the server receives messages of up to 32 MiB, which is more than any request that this contract allows.
   * Every response stays below 4 MiB, which is what gRPC clients receive by default, whatever is stored.
   * Stopping: a server that stops refuses calls with UNAVAILABLE, SERVER_DRAINING and `google.rpc.RetryInfo`; see
   * error_reason.proto.
   * </pre>
   */
  public static final class CallbacksServiceStub
      extends io.grpc.stub.AbstractAsyncStub<CallbacksServiceStub> {
    private CallbacksServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected CallbacksServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new CallbacksServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * Takes one callback request. Idempotent, see above.
     * INVALID_FIELD (all faults at once, nothing stored), SERVICE_NOT_FOUND, CALLBACK_ALREADY_EXISTS,
     * TARGET_ALREADY_PENDING, REQUEST_ID_REUSED, QUOTA_EXCEEDED.
     * </pre>
     */
    public void createCallback(com.ringback.v1.CreateCallbackRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.CreateCallbackResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCreateCallbackMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Takes up to 1000 callback requests in one call. Each succeeds or fails for itself, as if sent alone, in
     * the order given; an item that equals an earlier one of the same batch is answered as its repetition.
     * All that succeeded is durable when the answer comes.
     * INVALID_FIELD for fewer than 1 or more than 1000 items, and, with `include_callbacks`, when the response could
     * exceed 4 MiB: nothing is stored then. Errors of items are in `results`; errors of authentication, rate and
     * storage fail the call.
     * </pre>
     */
    public void batchCreateCallbacks(com.ringback.v1.BatchCreateCallbacksRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.BatchCreateCallbacksResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getBatchCreateCallbacksMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Returns one callback, with every attempt.
     * CALLBACK_NOT_FOUND.
     * </pre>
     */
    public void getCallback(com.ringback.v1.GetCallbackRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.GetCallbackResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetCallbackMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Returns the callbacks that match a filter, the newest first. A page may be shorter than `page_size`
     * although more follow, because it stays under 2 MiB: the end is an empty `next_page_token`. What is
     * created after the first page is not listed, and a change between two pages may show or hide a
     * callback; a watch from `resume_token` sets both right.
     * PAGE_TOKEN_INVALID.
     * </pre>
     */
    public void listCallbacks(com.ringback.v1.ListCallbacksRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.ListCallbacksResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListCallbacksMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Returns how many callbacks match a filter, by state.
     * No reasons of its own.
     * </pre>
     */
    public void countCallbacks(com.ringback.v1.CountCallbacksRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.CountCallbacksResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCountCallbacksMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Returns what happened to one callback, the oldest first: the events that WatchCallbacks has sent of it, as far as
     * the server keeps them: a setting, by default a day, and at least the last 100,000 of all callbacks.
     * CALLBACK_NOT_FOUND, PAGE_TOKEN_INVALID.
     * </pre>
     */
    public void listCallbackEvents(com.ringback.v1.ListCallbackEventsRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.ListCallbackEventsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListCallbackEventsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Returns the SIP messages of one attempt of a callback, as the built-in SIP dialer of this server has sent and
     * received them. Numbers in them are masked, and credentials are taken out. They are kept in memory, of the last calls
     * only: an empty response means that this server has none. For operators.
     * CALLBACK_NOT_FOUND, INVALID_FIELD for an attempt that the callback does not have.
     * </pre>
     */
    public void getCallTrace(com.ringback.v1.GetCallTraceRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.GetCallTraceResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetCallTraceMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Cancels a callback, and says what happened: before DIALING it is CANCELLED at once; in DIALING it
     * becomes CANCELLING, and the dialer is told to hang up. Cancelling what is CANCELLING or CANCELLED is OK
     * and changes nothing; the first reason stays.
     * CALLBACK_NOT_FOUND, CALLBACK_CONNECTED, CALLBACK_ENDED (COMPLETED, FAILED or EXPIRED), ETAG_MISMATCH.
     * </pre>
     */
    public void cancelCallback(com.ringback.v1.CancelCallbackRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.CancelCallbackResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCancelCallbackMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Changes fields of a callback's request. What is changed is named by `update_mask`; everything else stays.
     * While the callback waits, in SCHEDULED and QUEUED: `target`, `alternative_target`, `max_retries`,
     * `seconds_between_retries`, `priority`, `due_date` and `expire_time`. Until it has ended, in every state:
     * `description`, `context_url`, `supervisor` and `labels`; the dialer of a running call gets them with its next
     * report or ExtendLeases. The other fields cannot be changed.
     * - The rules of each field are those of CreateCallback, and so are those of the service about its
     *   `same_target_policy`: a new target with an open callback is TARGET_ALREADY_PENDING unless the policy is ALLOW.
     * - `target` alone clears `alternative_target`.
     * - A new `priority` keeps `queue_time` and the place in time within the new level. A new `due_date` gives a new
     *   place. It replaces the time of a retry, but cannot undercut `seconds_between_retries`.
     * - Attempts made so far keep counting: `max_retries` cannot be less than their number. A `max_retries` that is
     *   named but unset is the service's default.
     * - An `expire_time` that is unset is worked out again from a new due date. Where it is named, it must lie in the
     *   future, also when it is worked out.
     * CALLBACK_NOT_FOUND, CALLBACK_IN_PROGRESS, CALLBACK_CONNECTED, CALLBACK_ENDED, ETAG_MISMATCH,
     * TARGET_ALREADY_PENDING, INVALID_FIELD (also for a due date that is not before the `expire_time`, an empty mask,
     * and a path that cannot be changed).
     * </pre>
     */
    public void updateCallback(com.ringback.v1.UpdateCallbackRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.UpdateCallbackResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getUpdateCallbackMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Ends all open callbacks to one target, for example because that customer has just called in. Each ends
     * as CancelCallback would end it; one that is CONNECTED is left alone and returned as it is. Covers the callbacks
     * that the credential may cancel. No match is OK, with an empty response. One call ends at most 1000 callbacks:
     * while the response says `more`, call again.
     * INVALID_FIELD.
     * </pre>
     */
    public void resolveCallbacks(com.ringback.v1.ResolveCallbacksRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.ResolveCallbacksResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getResolveCallbacksMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Streams the changes of all callbacks that match a filter. See above for what is promised.
     * The first response comes at once, with or without events; then one whenever something happens, and
     * otherwise one without events every `heartbeat_interval`. A client that has heard nothing for two
     * intervals should assume a dead connection and watch again with its last token. A slow client is
     * neither dropped nor skipped: it lags behind, and catches up.
     * The server ends every stream with OK, after a last response with a token, when it stops, and otherwise
     * after 30 minutes, give or take 10 %. Watch again with that token.
     * RESUME_TOKEN_INVALID, RESUME_TOKEN_EXPIRED (with SNAPSHOT_MODE_NEVER only), QUOTA_EXCEEDED.
     * </pre>
     */
    public void watchCallbacks(com.ringback.v1.WatchCallbacksRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.WatchCallbacksResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getWatchCallbacksMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service CallbacksService.
   * <pre>
   * Takes callback requests, and returns and streams what has become of them.
   * `caller_id` names the calling *system*, for example "crm-zurich". It is not a telephone caller ID, and no phone
   * ever shows it.
   * Creating is idempotent. A callback is durable before it is acknowledged. When the acknowledgement is lost,
   * send the same request again: an equal request with the same (`caller_id`, `external_task_id`) is answered
   * OK with the existing callback and `created` = false, also when that has ended. Requests are compared as
   * they were first sent, so an unset `due_date` equals itself a second later, and an update in between
   * makes no difference. A different request under the same id is CALLBACK_ALREADY_EXISTS. Without an
   * `external_task_id`, a `request_id` does the same. With neither, every request is a new
   * callback.
   * Watching misses nothing. The server keeps one log of all committed changes, and a watch is a reader of
   * that log. Each response of the stream carries a `resume_token`; a new watch with the last one continues
   * exactly there, on any replica and after any crash. Events of one callback arrive in the order in which
   * they happened, none is invented, left out or reordered, and only committed changes are sent. A client that keeps
   * a map of callback_id to Callback (storing the callback of SNAPSHOT, CREATED and UPDATED, deleting at
   * REMOVED) always has what ListCallbacks would return. After a broken connection some events may come a
   * second time, when the response with their token did not arrive; the larger `revision` wins.
   * Sizes: the server receives messages of up to 32 MiB, which is more than any request that this contract allows.
   * Every response stays below 4 MiB, which is what gRPC clients receive by default, whatever is stored.
   * Stopping: a server that stops refuses calls with UNAVAILABLE, SERVER_DRAINING and `google.rpc.RetryInfo`; see
   * error_reason.proto.
   * </pre>
   */
  public static final class CallbacksServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<CallbacksServiceBlockingV2Stub> {
    private CallbacksServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected CallbacksServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new CallbacksServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Takes one callback request. Idempotent, see above.
     * INVALID_FIELD (all faults at once, nothing stored), SERVICE_NOT_FOUND, CALLBACK_ALREADY_EXISTS,
     * TARGET_ALREADY_PENDING, REQUEST_ID_REUSED, QUOTA_EXCEEDED.
     * </pre>
     */
    public com.ringback.v1.CreateCallbackResponse createCallback(com.ringback.v1.CreateCallbackRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCreateCallbackMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Takes up to 1000 callback requests in one call. Each succeeds or fails for itself, as if sent alone, in
     * the order given; an item that equals an earlier one of the same batch is answered as its repetition.
     * All that succeeded is durable when the answer comes.
     * INVALID_FIELD for fewer than 1 or more than 1000 items, and, with `include_callbacks`, when the response could
     * exceed 4 MiB: nothing is stored then. Errors of items are in `results`; errors of authentication, rate and
     * storage fail the call.
     * </pre>
     */
    public com.ringback.v1.BatchCreateCallbacksResponse batchCreateCallbacks(com.ringback.v1.BatchCreateCallbacksRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getBatchCreateCallbacksMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns one callback, with every attempt.
     * CALLBACK_NOT_FOUND.
     * </pre>
     */
    public com.ringback.v1.GetCallbackResponse getCallback(com.ringback.v1.GetCallbackRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetCallbackMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns the callbacks that match a filter, the newest first. A page may be shorter than `page_size`
     * although more follow, because it stays under 2 MiB: the end is an empty `next_page_token`. What is
     * created after the first page is not listed, and a change between two pages may show or hide a
     * callback; a watch from `resume_token` sets both right.
     * PAGE_TOKEN_INVALID.
     * </pre>
     */
    public com.ringback.v1.ListCallbacksResponse listCallbacks(com.ringback.v1.ListCallbacksRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListCallbacksMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns how many callbacks match a filter, by state.
     * No reasons of its own.
     * </pre>
     */
    public com.ringback.v1.CountCallbacksResponse countCallbacks(com.ringback.v1.CountCallbacksRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCountCallbacksMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns what happened to one callback, the oldest first: the events that WatchCallbacks has sent of it, as far as
     * the server keeps them: a setting, by default a day, and at least the last 100,000 of all callbacks.
     * CALLBACK_NOT_FOUND, PAGE_TOKEN_INVALID.
     * </pre>
     */
    public com.ringback.v1.ListCallbackEventsResponse listCallbackEvents(com.ringback.v1.ListCallbackEventsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListCallbackEventsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns the SIP messages of one attempt of a callback, as the built-in SIP dialer of this server has sent and
     * received them. Numbers in them are masked, and credentials are taken out. They are kept in memory, of the last calls
     * only: an empty response means that this server has none. For operators.
     * CALLBACK_NOT_FOUND, INVALID_FIELD for an attempt that the callback does not have.
     * </pre>
     */
    public com.ringback.v1.GetCallTraceResponse getCallTrace(com.ringback.v1.GetCallTraceRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetCallTraceMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Cancels a callback, and says what happened: before DIALING it is CANCELLED at once; in DIALING it
     * becomes CANCELLING, and the dialer is told to hang up. Cancelling what is CANCELLING or CANCELLED is OK
     * and changes nothing; the first reason stays.
     * CALLBACK_NOT_FOUND, CALLBACK_CONNECTED, CALLBACK_ENDED (COMPLETED, FAILED or EXPIRED), ETAG_MISMATCH.
     * </pre>
     */
    public com.ringback.v1.CancelCallbackResponse cancelCallback(com.ringback.v1.CancelCallbackRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCancelCallbackMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Changes fields of a callback's request. What is changed is named by `update_mask`; everything else stays.
     * While the callback waits, in SCHEDULED and QUEUED: `target`, `alternative_target`, `max_retries`,
     * `seconds_between_retries`, `priority`, `due_date` and `expire_time`. Until it has ended, in every state:
     * `description`, `context_url`, `supervisor` and `labels`; the dialer of a running call gets them with its next
     * report or ExtendLeases. The other fields cannot be changed.
     * - The rules of each field are those of CreateCallback, and so are those of the service about its
     *   `same_target_policy`: a new target with an open callback is TARGET_ALREADY_PENDING unless the policy is ALLOW.
     * - `target` alone clears `alternative_target`.
     * - A new `priority` keeps `queue_time` and the place in time within the new level. A new `due_date` gives a new
     *   place. It replaces the time of a retry, but cannot undercut `seconds_between_retries`.
     * - Attempts made so far keep counting: `max_retries` cannot be less than their number. A `max_retries` that is
     *   named but unset is the service's default.
     * - An `expire_time` that is unset is worked out again from a new due date. Where it is named, it must lie in the
     *   future, also when it is worked out.
     * CALLBACK_NOT_FOUND, CALLBACK_IN_PROGRESS, CALLBACK_CONNECTED, CALLBACK_ENDED, ETAG_MISMATCH,
     * TARGET_ALREADY_PENDING, INVALID_FIELD (also for a due date that is not before the `expire_time`, an empty mask,
     * and a path that cannot be changed).
     * </pre>
     */
    public com.ringback.v1.UpdateCallbackResponse updateCallback(com.ringback.v1.UpdateCallbackRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getUpdateCallbackMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Ends all open callbacks to one target, for example because that customer has just called in. Each ends
     * as CancelCallback would end it; one that is CONNECTED is left alone and returned as it is. Covers the callbacks
     * that the credential may cancel. No match is OK, with an empty response. One call ends at most 1000 callbacks:
     * while the response says `more`, call again.
     * INVALID_FIELD.
     * </pre>
     */
    public com.ringback.v1.ResolveCallbacksResponse resolveCallbacks(com.ringback.v1.ResolveCallbacksRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getResolveCallbacksMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Streams the changes of all callbacks that match a filter. See above for what is promised.
     * The first response comes at once, with or without events; then one whenever something happens, and
     * otherwise one without events every `heartbeat_interval`. A client that has heard nothing for two
     * intervals should assume a dead connection and watch again with its last token. A slow client is
     * neither dropped nor skipped: it lags behind, and catches up.
     * The server ends every stream with OK, after a last response with a token, when it stops, and otherwise
     * after 30 minutes, give or take 10 %. Watch again with that token.
     * RESUME_TOKEN_INVALID, RESUME_TOKEN_EXPIRED (with SNAPSHOT_MODE_NEVER only), QUOTA_EXCEEDED.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, com.ringback.v1.WatchCallbacksResponse>
        watchCallbacks(com.ringback.v1.WatchCallbacksRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getWatchCallbacksMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service CallbacksService.
   * <pre>
   * Takes callback requests, and returns and streams what has become of them.
   * `caller_id` names the calling *system*, for example "crm-zurich". It is not a telephone caller ID, and no phone
   * ever shows it.
   * Creating is idempotent. A callback is durable before it is acknowledged. When the acknowledgement is lost,
   * send the same request again: an equal request with the same (`caller_id`, `external_task_id`) is answered
   * OK with the existing callback and `created` = false, also when that has ended. Requests are compared as
   * they were first sent, so an unset `due_date` equals itself a second later, and an update in between
   * makes no difference. A different request under the same id is CALLBACK_ALREADY_EXISTS. Without an
   * `external_task_id`, a `request_id` does the same. With neither, every request is a new
   * callback.
   * Watching misses nothing. The server keeps one log of all committed changes, and a watch is a reader of
   * that log. Each response of the stream carries a `resume_token`; a new watch with the last one continues
   * exactly there, on any replica and after any crash. Events of one callback arrive in the order in which
   * they happened, none is invented, left out or reordered, and only committed changes are sent. A client that keeps
   * a map of callback_id to Callback (storing the callback of SNAPSHOT, CREATED and UPDATED, deleting at
   * REMOVED) always has what ListCallbacks would return. After a broken connection some events may come a
   * second time, when the response with their token did not arrive; the larger `revision` wins.
   * Sizes: the server receives messages of up to 32 MiB, which is more than any request that this contract allows.
   * Every response stays below 4 MiB, which is what gRPC clients receive by default, whatever is stored.
   * Stopping: a server that stops refuses calls with UNAVAILABLE, SERVER_DRAINING and `google.rpc.RetryInfo`; see
   * error_reason.proto.
   * </pre>
   */
  public static final class CallbacksServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<CallbacksServiceBlockingStub> {
    private CallbacksServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected CallbacksServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new CallbacksServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Takes one callback request. Idempotent, see above.
     * INVALID_FIELD (all faults at once, nothing stored), SERVICE_NOT_FOUND, CALLBACK_ALREADY_EXISTS,
     * TARGET_ALREADY_PENDING, REQUEST_ID_REUSED, QUOTA_EXCEEDED.
     * </pre>
     */
    public com.ringback.v1.CreateCallbackResponse createCallback(com.ringback.v1.CreateCallbackRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCreateCallbackMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Takes up to 1000 callback requests in one call. Each succeeds or fails for itself, as if sent alone, in
     * the order given; an item that equals an earlier one of the same batch is answered as its repetition.
     * All that succeeded is durable when the answer comes.
     * INVALID_FIELD for fewer than 1 or more than 1000 items, and, with `include_callbacks`, when the response could
     * exceed 4 MiB: nothing is stored then. Errors of items are in `results`; errors of authentication, rate and
     * storage fail the call.
     * </pre>
     */
    public com.ringback.v1.BatchCreateCallbacksResponse batchCreateCallbacks(com.ringback.v1.BatchCreateCallbacksRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getBatchCreateCallbacksMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns one callback, with every attempt.
     * CALLBACK_NOT_FOUND.
     * </pre>
     */
    public com.ringback.v1.GetCallbackResponse getCallback(com.ringback.v1.GetCallbackRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetCallbackMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns the callbacks that match a filter, the newest first. A page may be shorter than `page_size`
     * although more follow, because it stays under 2 MiB: the end is an empty `next_page_token`. What is
     * created after the first page is not listed, and a change between two pages may show or hide a
     * callback; a watch from `resume_token` sets both right.
     * PAGE_TOKEN_INVALID.
     * </pre>
     */
    public com.ringback.v1.ListCallbacksResponse listCallbacks(com.ringback.v1.ListCallbacksRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListCallbacksMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns how many callbacks match a filter, by state.
     * No reasons of its own.
     * </pre>
     */
    public com.ringback.v1.CountCallbacksResponse countCallbacks(com.ringback.v1.CountCallbacksRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCountCallbacksMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns what happened to one callback, the oldest first: the events that WatchCallbacks has sent of it, as far as
     * the server keeps them: a setting, by default a day, and at least the last 100,000 of all callbacks.
     * CALLBACK_NOT_FOUND, PAGE_TOKEN_INVALID.
     * </pre>
     */
    public com.ringback.v1.ListCallbackEventsResponse listCallbackEvents(com.ringback.v1.ListCallbackEventsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListCallbackEventsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns the SIP messages of one attempt of a callback, as the built-in SIP dialer of this server has sent and
     * received them. Numbers in them are masked, and credentials are taken out. They are kept in memory, of the last calls
     * only: an empty response means that this server has none. For operators.
     * CALLBACK_NOT_FOUND, INVALID_FIELD for an attempt that the callback does not have.
     * </pre>
     */
    public com.ringback.v1.GetCallTraceResponse getCallTrace(com.ringback.v1.GetCallTraceRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetCallTraceMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Cancels a callback, and says what happened: before DIALING it is CANCELLED at once; in DIALING it
     * becomes CANCELLING, and the dialer is told to hang up. Cancelling what is CANCELLING or CANCELLED is OK
     * and changes nothing; the first reason stays.
     * CALLBACK_NOT_FOUND, CALLBACK_CONNECTED, CALLBACK_ENDED (COMPLETED, FAILED or EXPIRED), ETAG_MISMATCH.
     * </pre>
     */
    public com.ringback.v1.CancelCallbackResponse cancelCallback(com.ringback.v1.CancelCallbackRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCancelCallbackMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Changes fields of a callback's request. What is changed is named by `update_mask`; everything else stays.
     * While the callback waits, in SCHEDULED and QUEUED: `target`, `alternative_target`, `max_retries`,
     * `seconds_between_retries`, `priority`, `due_date` and `expire_time`. Until it has ended, in every state:
     * `description`, `context_url`, `supervisor` and `labels`; the dialer of a running call gets them with its next
     * report or ExtendLeases. The other fields cannot be changed.
     * - The rules of each field are those of CreateCallback, and so are those of the service about its
     *   `same_target_policy`: a new target with an open callback is TARGET_ALREADY_PENDING unless the policy is ALLOW.
     * - `target` alone clears `alternative_target`.
     * - A new `priority` keeps `queue_time` and the place in time within the new level. A new `due_date` gives a new
     *   place. It replaces the time of a retry, but cannot undercut `seconds_between_retries`.
     * - Attempts made so far keep counting: `max_retries` cannot be less than their number. A `max_retries` that is
     *   named but unset is the service's default.
     * - An `expire_time` that is unset is worked out again from a new due date. Where it is named, it must lie in the
     *   future, also when it is worked out.
     * CALLBACK_NOT_FOUND, CALLBACK_IN_PROGRESS, CALLBACK_CONNECTED, CALLBACK_ENDED, ETAG_MISMATCH,
     * TARGET_ALREADY_PENDING, INVALID_FIELD (also for a due date that is not before the `expire_time`, an empty mask,
     * and a path that cannot be changed).
     * </pre>
     */
    public com.ringback.v1.UpdateCallbackResponse updateCallback(com.ringback.v1.UpdateCallbackRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getUpdateCallbackMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Ends all open callbacks to one target, for example because that customer has just called in. Each ends
     * as CancelCallback would end it; one that is CONNECTED is left alone and returned as it is. Covers the callbacks
     * that the credential may cancel. No match is OK, with an empty response. One call ends at most 1000 callbacks:
     * while the response says `more`, call again.
     * INVALID_FIELD.
     * </pre>
     */
    public com.ringback.v1.ResolveCallbacksResponse resolveCallbacks(com.ringback.v1.ResolveCallbacksRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getResolveCallbacksMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Streams the changes of all callbacks that match a filter. See above for what is promised.
     * The first response comes at once, with or without events; then one whenever something happens, and
     * otherwise one without events every `heartbeat_interval`. A client that has heard nothing for two
     * intervals should assume a dead connection and watch again with its last token. A slow client is
     * neither dropped nor skipped: it lags behind, and catches up.
     * The server ends every stream with OK, after a last response with a token, when it stops, and otherwise
     * after 30 minutes, give or take 10 %. Watch again with that token.
     * RESUME_TOKEN_INVALID, RESUME_TOKEN_EXPIRED (with SNAPSHOT_MODE_NEVER only), QUOTA_EXCEEDED.
     * </pre>
     */
    public java.util.Iterator<com.ringback.v1.WatchCallbacksResponse> watchCallbacks(
        com.ringback.v1.WatchCallbacksRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getWatchCallbacksMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service CallbacksService.
   * <pre>
   * Takes callback requests, and returns and streams what has become of them.
   * `caller_id` names the calling *system*, for example "crm-zurich". It is not a telephone caller ID, and no phone
   * ever shows it.
   * Creating is idempotent. A callback is durable before it is acknowledged. When the acknowledgement is lost,
   * send the same request again: an equal request with the same (`caller_id`, `external_task_id`) is answered
   * OK with the existing callback and `created` = false, also when that has ended. Requests are compared as
   * they were first sent, so an unset `due_date` equals itself a second later, and an update in between
   * makes no difference. A different request under the same id is CALLBACK_ALREADY_EXISTS. Without an
   * `external_task_id`, a `request_id` does the same. With neither, every request is a new
   * callback.
   * Watching misses nothing. The server keeps one log of all committed changes, and a watch is a reader of
   * that log. Each response of the stream carries a `resume_token`; a new watch with the last one continues
   * exactly there, on any replica and after any crash. Events of one callback arrive in the order in which
   * they happened, none is invented, left out or reordered, and only committed changes are sent. A client that keeps
   * a map of callback_id to Callback (storing the callback of SNAPSHOT, CREATED and UPDATED, deleting at
   * REMOVED) always has what ListCallbacks would return. After a broken connection some events may come a
   * second time, when the response with their token did not arrive; the larger `revision` wins.
   * Sizes: the server receives messages of up to 32 MiB, which is more than any request that this contract allows.
   * Every response stays below 4 MiB, which is what gRPC clients receive by default, whatever is stored.
   * Stopping: a server that stops refuses calls with UNAVAILABLE, SERVER_DRAINING and `google.rpc.RetryInfo`; see
   * error_reason.proto.
   * </pre>
   */
  public static final class CallbacksServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<CallbacksServiceFutureStub> {
    private CallbacksServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected CallbacksServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new CallbacksServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Takes one callback request. Idempotent, see above.
     * INVALID_FIELD (all faults at once, nothing stored), SERVICE_NOT_FOUND, CALLBACK_ALREADY_EXISTS,
     * TARGET_ALREADY_PENDING, REQUEST_ID_REUSED, QUOTA_EXCEEDED.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<com.ringback.v1.CreateCallbackResponse> createCallback(
        com.ringback.v1.CreateCallbackRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCreateCallbackMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Takes up to 1000 callback requests in one call. Each succeeds or fails for itself, as if sent alone, in
     * the order given; an item that equals an earlier one of the same batch is answered as its repetition.
     * All that succeeded is durable when the answer comes.
     * INVALID_FIELD for fewer than 1 or more than 1000 items, and, with `include_callbacks`, when the response could
     * exceed 4 MiB: nothing is stored then. Errors of items are in `results`; errors of authentication, rate and
     * storage fail the call.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<com.ringback.v1.BatchCreateCallbacksResponse> batchCreateCallbacks(
        com.ringback.v1.BatchCreateCallbacksRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getBatchCreateCallbacksMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Returns one callback, with every attempt.
     * CALLBACK_NOT_FOUND.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<com.ringback.v1.GetCallbackResponse> getCallback(
        com.ringback.v1.GetCallbackRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetCallbackMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Returns the callbacks that match a filter, the newest first. A page may be shorter than `page_size`
     * although more follow, because it stays under 2 MiB: the end is an empty `next_page_token`. What is
     * created after the first page is not listed, and a change between two pages may show or hide a
     * callback; a watch from `resume_token` sets both right.
     * PAGE_TOKEN_INVALID.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<com.ringback.v1.ListCallbacksResponse> listCallbacks(
        com.ringback.v1.ListCallbacksRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListCallbacksMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Returns how many callbacks match a filter, by state.
     * No reasons of its own.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<com.ringback.v1.CountCallbacksResponse> countCallbacks(
        com.ringback.v1.CountCallbacksRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCountCallbacksMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Returns what happened to one callback, the oldest first: the events that WatchCallbacks has sent of it, as far as
     * the server keeps them: a setting, by default a day, and at least the last 100,000 of all callbacks.
     * CALLBACK_NOT_FOUND, PAGE_TOKEN_INVALID.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<com.ringback.v1.ListCallbackEventsResponse> listCallbackEvents(
        com.ringback.v1.ListCallbackEventsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListCallbackEventsMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Returns the SIP messages of one attempt of a callback, as the built-in SIP dialer of this server has sent and
     * received them. Numbers in them are masked, and credentials are taken out. They are kept in memory, of the last calls
     * only: an empty response means that this server has none. For operators.
     * CALLBACK_NOT_FOUND, INVALID_FIELD for an attempt that the callback does not have.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<com.ringback.v1.GetCallTraceResponse> getCallTrace(
        com.ringback.v1.GetCallTraceRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetCallTraceMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Cancels a callback, and says what happened: before DIALING it is CANCELLED at once; in DIALING it
     * becomes CANCELLING, and the dialer is told to hang up. Cancelling what is CANCELLING or CANCELLED is OK
     * and changes nothing; the first reason stays.
     * CALLBACK_NOT_FOUND, CALLBACK_CONNECTED, CALLBACK_ENDED (COMPLETED, FAILED or EXPIRED), ETAG_MISMATCH.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<com.ringback.v1.CancelCallbackResponse> cancelCallback(
        com.ringback.v1.CancelCallbackRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCancelCallbackMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Changes fields of a callback's request. What is changed is named by `update_mask`; everything else stays.
     * While the callback waits, in SCHEDULED and QUEUED: `target`, `alternative_target`, `max_retries`,
     * `seconds_between_retries`, `priority`, `due_date` and `expire_time`. Until it has ended, in every state:
     * `description`, `context_url`, `supervisor` and `labels`; the dialer of a running call gets them with its next
     * report or ExtendLeases. The other fields cannot be changed.
     * - The rules of each field are those of CreateCallback, and so are those of the service about its
     *   `same_target_policy`: a new target with an open callback is TARGET_ALREADY_PENDING unless the policy is ALLOW.
     * - `target` alone clears `alternative_target`.
     * - A new `priority` keeps `queue_time` and the place in time within the new level. A new `due_date` gives a new
     *   place. It replaces the time of a retry, but cannot undercut `seconds_between_retries`.
     * - Attempts made so far keep counting: `max_retries` cannot be less than their number. A `max_retries` that is
     *   named but unset is the service's default.
     * - An `expire_time` that is unset is worked out again from a new due date. Where it is named, it must lie in the
     *   future, also when it is worked out.
     * CALLBACK_NOT_FOUND, CALLBACK_IN_PROGRESS, CALLBACK_CONNECTED, CALLBACK_ENDED, ETAG_MISMATCH,
     * TARGET_ALREADY_PENDING, INVALID_FIELD (also for a due date that is not before the `expire_time`, an empty mask,
     * and a path that cannot be changed).
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<com.ringback.v1.UpdateCallbackResponse> updateCallback(
        com.ringback.v1.UpdateCallbackRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getUpdateCallbackMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Ends all open callbacks to one target, for example because that customer has just called in. Each ends
     * as CancelCallback would end it; one that is CONNECTED is left alone and returned as it is. Covers the callbacks
     * that the credential may cancel. No match is OK, with an empty response. One call ends at most 1000 callbacks:
     * while the response says `more`, call again.
     * INVALID_FIELD.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<com.ringback.v1.ResolveCallbacksResponse> resolveCallbacks(
        com.ringback.v1.ResolveCallbacksRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getResolveCallbacksMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_CREATE_CALLBACK = 0;
  private static final int METHODID_BATCH_CREATE_CALLBACKS = 1;
  private static final int METHODID_GET_CALLBACK = 2;
  private static final int METHODID_LIST_CALLBACKS = 3;
  private static final int METHODID_COUNT_CALLBACKS = 4;
  private static final int METHODID_LIST_CALLBACK_EVENTS = 5;
  private static final int METHODID_GET_CALL_TRACE = 6;
  private static final int METHODID_CANCEL_CALLBACK = 7;
  private static final int METHODID_UPDATE_CALLBACK = 8;
  private static final int METHODID_RESOLVE_CALLBACKS = 9;
  private static final int METHODID_WATCH_CALLBACKS = 10;

  private static final class MethodHandlers<Req, Resp> implements
      io.grpc.stub.ServerCalls.UnaryMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ServerStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ClientStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.BidiStreamingMethod<Req, Resp> {
    private final AsyncService serviceImpl;
    private final int methodId;

    MethodHandlers(AsyncService serviceImpl, int methodId) {
      this.serviceImpl = serviceImpl;
      this.methodId = methodId;
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public void invoke(Req request, io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        case METHODID_CREATE_CALLBACK:
          serviceImpl.createCallback((com.ringback.v1.CreateCallbackRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.CreateCallbackResponse>) responseObserver);
          break;
        case METHODID_BATCH_CREATE_CALLBACKS:
          serviceImpl.batchCreateCallbacks((com.ringback.v1.BatchCreateCallbacksRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.BatchCreateCallbacksResponse>) responseObserver);
          break;
        case METHODID_GET_CALLBACK:
          serviceImpl.getCallback((com.ringback.v1.GetCallbackRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.GetCallbackResponse>) responseObserver);
          break;
        case METHODID_LIST_CALLBACKS:
          serviceImpl.listCallbacks((com.ringback.v1.ListCallbacksRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.ListCallbacksResponse>) responseObserver);
          break;
        case METHODID_COUNT_CALLBACKS:
          serviceImpl.countCallbacks((com.ringback.v1.CountCallbacksRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.CountCallbacksResponse>) responseObserver);
          break;
        case METHODID_LIST_CALLBACK_EVENTS:
          serviceImpl.listCallbackEvents((com.ringback.v1.ListCallbackEventsRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.ListCallbackEventsResponse>) responseObserver);
          break;
        case METHODID_GET_CALL_TRACE:
          serviceImpl.getCallTrace((com.ringback.v1.GetCallTraceRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.GetCallTraceResponse>) responseObserver);
          break;
        case METHODID_CANCEL_CALLBACK:
          serviceImpl.cancelCallback((com.ringback.v1.CancelCallbackRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.CancelCallbackResponse>) responseObserver);
          break;
        case METHODID_UPDATE_CALLBACK:
          serviceImpl.updateCallback((com.ringback.v1.UpdateCallbackRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.UpdateCallbackResponse>) responseObserver);
          break;
        case METHODID_RESOLVE_CALLBACKS:
          serviceImpl.resolveCallbacks((com.ringback.v1.ResolveCallbacksRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.ResolveCallbacksResponse>) responseObserver);
          break;
        case METHODID_WATCH_CALLBACKS:
          serviceImpl.watchCallbacks((com.ringback.v1.WatchCallbacksRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.WatchCallbacksResponse>) responseObserver);
          break;
        default:
          throw new AssertionError();
      }
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public io.grpc.stub.StreamObserver<Req> invoke(
        io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        default:
          throw new AssertionError();
      }
    }
  }

  public static final io.grpc.ServerServiceDefinition bindService(AsyncService service) {
    return io.grpc.ServerServiceDefinition.builder(getServiceDescriptor())
        .addMethod(
          getCreateCallbackMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              com.ringback.v1.CreateCallbackRequest,
              com.ringback.v1.CreateCallbackResponse>(
                service, METHODID_CREATE_CALLBACK)))
        .addMethod(
          getBatchCreateCallbacksMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              com.ringback.v1.BatchCreateCallbacksRequest,
              com.ringback.v1.BatchCreateCallbacksResponse>(
                service, METHODID_BATCH_CREATE_CALLBACKS)))
        .addMethod(
          getGetCallbackMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              com.ringback.v1.GetCallbackRequest,
              com.ringback.v1.GetCallbackResponse>(
                service, METHODID_GET_CALLBACK)))
        .addMethod(
          getListCallbacksMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              com.ringback.v1.ListCallbacksRequest,
              com.ringback.v1.ListCallbacksResponse>(
                service, METHODID_LIST_CALLBACKS)))
        .addMethod(
          getCountCallbacksMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              com.ringback.v1.CountCallbacksRequest,
              com.ringback.v1.CountCallbacksResponse>(
                service, METHODID_COUNT_CALLBACKS)))
        .addMethod(
          getListCallbackEventsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              com.ringback.v1.ListCallbackEventsRequest,
              com.ringback.v1.ListCallbackEventsResponse>(
                service, METHODID_LIST_CALLBACK_EVENTS)))
        .addMethod(
          getGetCallTraceMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              com.ringback.v1.GetCallTraceRequest,
              com.ringback.v1.GetCallTraceResponse>(
                service, METHODID_GET_CALL_TRACE)))
        .addMethod(
          getCancelCallbackMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              com.ringback.v1.CancelCallbackRequest,
              com.ringback.v1.CancelCallbackResponse>(
                service, METHODID_CANCEL_CALLBACK)))
        .addMethod(
          getUpdateCallbackMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              com.ringback.v1.UpdateCallbackRequest,
              com.ringback.v1.UpdateCallbackResponse>(
                service, METHODID_UPDATE_CALLBACK)))
        .addMethod(
          getResolveCallbacksMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              com.ringback.v1.ResolveCallbacksRequest,
              com.ringback.v1.ResolveCallbacksResponse>(
                service, METHODID_RESOLVE_CALLBACKS)))
        .addMethod(
          getWatchCallbacksMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              com.ringback.v1.WatchCallbacksRequest,
              com.ringback.v1.WatchCallbacksResponse>(
                service, METHODID_WATCH_CALLBACKS)))
        .build();
  }

  private static abstract class CallbacksServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    CallbacksServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return com.ringback.v1.CallbacksServiceOuterClass.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("CallbacksService");
    }
  }

  private static final class CallbacksServiceFileDescriptorSupplier
      extends CallbacksServiceBaseDescriptorSupplier {
    CallbacksServiceFileDescriptorSupplier() {}
  }

  private static final class CallbacksServiceMethodDescriptorSupplier
      extends CallbacksServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    CallbacksServiceMethodDescriptorSupplier(java.lang.String methodName) {
      this.methodName = methodName;
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.MethodDescriptor getMethodDescriptor() {
      return getServiceDescriptor().findMethodByName(methodName);
    }
  }

  private static volatile io.grpc.ServiceDescriptor serviceDescriptor;

  public static io.grpc.ServiceDescriptor getServiceDescriptor() {
    io.grpc.ServiceDescriptor result = serviceDescriptor;
    if (result == null) {
      synchronized (CallbacksServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new CallbacksServiceFileDescriptorSupplier())
              .addMethod(getCreateCallbackMethod())
              .addMethod(getBatchCreateCallbacksMethod())
              .addMethod(getGetCallbackMethod())
              .addMethod(getListCallbacksMethod())
              .addMethod(getCountCallbacksMethod())
              .addMethod(getListCallbackEventsMethod())
              .addMethod(getGetCallTraceMethod())
              .addMethod(getCancelCallbackMethod())
              .addMethod(getUpdateCallbackMethod())
              .addMethod(getResolveCallbacksMethod())
              .addMethod(getWatchCallbacksMethod())
              .build();
        }
      }
    }
    return result;
  }
}
