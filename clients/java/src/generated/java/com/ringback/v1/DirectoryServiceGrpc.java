package com.ringback.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * Keeps the directory of services, and shows their queues. A service is named by its UUID or by its SIP address.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class DirectoryServiceGrpc {

  private DirectoryServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "ringback.v1.DirectoryService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.ListServicesRequest,
      com.ringback.v1.ListServicesResponse> getListServicesMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListServices",
      requestType = com.ringback.v1.ListServicesRequest.class,
      responseType = com.ringback.v1.ListServicesResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<com.ringback.v1.ListServicesRequest,
      com.ringback.v1.ListServicesResponse> getListServicesMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.ListServicesRequest, com.ringback.v1.ListServicesResponse> getListServicesMethod;
    if ((getListServicesMethod = DirectoryServiceGrpc.getListServicesMethod) == null) {
      synchronized (DirectoryServiceGrpc.class) {
        if ((getListServicesMethod = DirectoryServiceGrpc.getListServicesMethod) == null) {
          DirectoryServiceGrpc.getListServicesMethod = getListServicesMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.ListServicesRequest, com.ringback.v1.ListServicesResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListServices"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.ListServicesRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.ListServicesResponse.getDefaultInstance()))
              .setSchemaDescriptor(new DirectoryServiceMethodDescriptorSupplier("ListServices"))
              .build();
        }
      }
    }
    return getListServicesMethod;
  }

  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.GetServiceRequest,
      com.ringback.v1.GetServiceResponse> getGetServiceMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetService",
      requestType = com.ringback.v1.GetServiceRequest.class,
      responseType = com.ringback.v1.GetServiceResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<com.ringback.v1.GetServiceRequest,
      com.ringback.v1.GetServiceResponse> getGetServiceMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.GetServiceRequest, com.ringback.v1.GetServiceResponse> getGetServiceMethod;
    if ((getGetServiceMethod = DirectoryServiceGrpc.getGetServiceMethod) == null) {
      synchronized (DirectoryServiceGrpc.class) {
        if ((getGetServiceMethod = DirectoryServiceGrpc.getGetServiceMethod) == null) {
          DirectoryServiceGrpc.getGetServiceMethod = getGetServiceMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.GetServiceRequest, com.ringback.v1.GetServiceResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetService"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.GetServiceRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.GetServiceResponse.getDefaultInstance()))
              .setSchemaDescriptor(new DirectoryServiceMethodDescriptorSupplier("GetService"))
              .build();
        }
      }
    }
    return getGetServiceMethod;
  }

  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.CreateServiceRequest,
      com.ringback.v1.CreateServiceResponse> getCreateServiceMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CreateService",
      requestType = com.ringback.v1.CreateServiceRequest.class,
      responseType = com.ringback.v1.CreateServiceResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<com.ringback.v1.CreateServiceRequest,
      com.ringback.v1.CreateServiceResponse> getCreateServiceMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.CreateServiceRequest, com.ringback.v1.CreateServiceResponse> getCreateServiceMethod;
    if ((getCreateServiceMethod = DirectoryServiceGrpc.getCreateServiceMethod) == null) {
      synchronized (DirectoryServiceGrpc.class) {
        if ((getCreateServiceMethod = DirectoryServiceGrpc.getCreateServiceMethod) == null) {
          DirectoryServiceGrpc.getCreateServiceMethod = getCreateServiceMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.CreateServiceRequest, com.ringback.v1.CreateServiceResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CreateService"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.CreateServiceRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.CreateServiceResponse.getDefaultInstance()))
              .setSchemaDescriptor(new DirectoryServiceMethodDescriptorSupplier("CreateService"))
              .build();
        }
      }
    }
    return getCreateServiceMethod;
  }

  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.UpdateServiceRequest,
      com.ringback.v1.UpdateServiceResponse> getUpdateServiceMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "UpdateService",
      requestType = com.ringback.v1.UpdateServiceRequest.class,
      responseType = com.ringback.v1.UpdateServiceResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<com.ringback.v1.UpdateServiceRequest,
      com.ringback.v1.UpdateServiceResponse> getUpdateServiceMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.UpdateServiceRequest, com.ringback.v1.UpdateServiceResponse> getUpdateServiceMethod;
    if ((getUpdateServiceMethod = DirectoryServiceGrpc.getUpdateServiceMethod) == null) {
      synchronized (DirectoryServiceGrpc.class) {
        if ((getUpdateServiceMethod = DirectoryServiceGrpc.getUpdateServiceMethod) == null) {
          DirectoryServiceGrpc.getUpdateServiceMethod = getUpdateServiceMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.UpdateServiceRequest, com.ringback.v1.UpdateServiceResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "UpdateService"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.UpdateServiceRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.UpdateServiceResponse.getDefaultInstance()))
              .setSchemaDescriptor(new DirectoryServiceMethodDescriptorSupplier("UpdateService"))
              .build();
        }
      }
    }
    return getUpdateServiceMethod;
  }

  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.DeleteServiceRequest,
      com.ringback.v1.DeleteServiceResponse> getDeleteServiceMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "DeleteService",
      requestType = com.ringback.v1.DeleteServiceRequest.class,
      responseType = com.ringback.v1.DeleteServiceResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<com.ringback.v1.DeleteServiceRequest,
      com.ringback.v1.DeleteServiceResponse> getDeleteServiceMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.DeleteServiceRequest, com.ringback.v1.DeleteServiceResponse> getDeleteServiceMethod;
    if ((getDeleteServiceMethod = DirectoryServiceGrpc.getDeleteServiceMethod) == null) {
      synchronized (DirectoryServiceGrpc.class) {
        if ((getDeleteServiceMethod = DirectoryServiceGrpc.getDeleteServiceMethod) == null) {
          DirectoryServiceGrpc.getDeleteServiceMethod = getDeleteServiceMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.DeleteServiceRequest, com.ringback.v1.DeleteServiceResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "DeleteService"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.DeleteServiceRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.DeleteServiceResponse.getDefaultInstance()))
              .setSchemaDescriptor(new DirectoryServiceMethodDescriptorSupplier("DeleteService"))
              .build();
        }
      }
    }
    return getDeleteServiceMethod;
  }

  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.GetQueueRequest,
      com.ringback.v1.GetQueueResponse> getGetQueueMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetQueue",
      requestType = com.ringback.v1.GetQueueRequest.class,
      responseType = com.ringback.v1.GetQueueResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<com.ringback.v1.GetQueueRequest,
      com.ringback.v1.GetQueueResponse> getGetQueueMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.GetQueueRequest, com.ringback.v1.GetQueueResponse> getGetQueueMethod;
    if ((getGetQueueMethod = DirectoryServiceGrpc.getGetQueueMethod) == null) {
      synchronized (DirectoryServiceGrpc.class) {
        if ((getGetQueueMethod = DirectoryServiceGrpc.getGetQueueMethod) == null) {
          DirectoryServiceGrpc.getGetQueueMethod = getGetQueueMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.GetQueueRequest, com.ringback.v1.GetQueueResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetQueue"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.GetQueueRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.GetQueueResponse.getDefaultInstance()))
              .setSchemaDescriptor(new DirectoryServiceMethodDescriptorSupplier("GetQueue"))
              .build();
        }
      }
    }
    return getGetQueueMethod;
  }

  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.WatchQueuesRequest,
      com.ringback.v1.WatchQueuesResponse> getWatchQueuesMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "WatchQueues",
      requestType = com.ringback.v1.WatchQueuesRequest.class,
      responseType = com.ringback.v1.WatchQueuesResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<com.ringback.v1.WatchQueuesRequest,
      com.ringback.v1.WatchQueuesResponse> getWatchQueuesMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.WatchQueuesRequest, com.ringback.v1.WatchQueuesResponse> getWatchQueuesMethod;
    if ((getWatchQueuesMethod = DirectoryServiceGrpc.getWatchQueuesMethod) == null) {
      synchronized (DirectoryServiceGrpc.class) {
        if ((getWatchQueuesMethod = DirectoryServiceGrpc.getWatchQueuesMethod) == null) {
          DirectoryServiceGrpc.getWatchQueuesMethod = getWatchQueuesMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.WatchQueuesRequest, com.ringback.v1.WatchQueuesResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "WatchQueues"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.WatchQueuesRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.WatchQueuesResponse.getDefaultInstance()))
              .setSchemaDescriptor(new DirectoryServiceMethodDescriptorSupplier("WatchQueues"))
              .build();
        }
      }
    }
    return getWatchQueuesMethod;
  }

  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.GetOutcomesRequest,
      com.ringback.v1.GetOutcomesResponse> getGetOutcomesMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetOutcomes",
      requestType = com.ringback.v1.GetOutcomesRequest.class,
      responseType = com.ringback.v1.GetOutcomesResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<com.ringback.v1.GetOutcomesRequest,
      com.ringback.v1.GetOutcomesResponse> getGetOutcomesMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.GetOutcomesRequest, com.ringback.v1.GetOutcomesResponse> getGetOutcomesMethod;
    if ((getGetOutcomesMethod = DirectoryServiceGrpc.getGetOutcomesMethod) == null) {
      synchronized (DirectoryServiceGrpc.class) {
        if ((getGetOutcomesMethod = DirectoryServiceGrpc.getGetOutcomesMethod) == null) {
          DirectoryServiceGrpc.getGetOutcomesMethod = getGetOutcomesMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.GetOutcomesRequest, com.ringback.v1.GetOutcomesResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetOutcomes"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.GetOutcomesRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.GetOutcomesResponse.getDefaultInstance()))
              .setSchemaDescriptor(new DirectoryServiceMethodDescriptorSupplier("GetOutcomes"))
              .build();
        }
      }
    }
    return getGetOutcomesMethod;
  }

  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.GetIdentityRequest,
      com.ringback.v1.GetIdentityResponse> getGetIdentityMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetIdentity",
      requestType = com.ringback.v1.GetIdentityRequest.class,
      responseType = com.ringback.v1.GetIdentityResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<com.ringback.v1.GetIdentityRequest,
      com.ringback.v1.GetIdentityResponse> getGetIdentityMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.GetIdentityRequest, com.ringback.v1.GetIdentityResponse> getGetIdentityMethod;
    if ((getGetIdentityMethod = DirectoryServiceGrpc.getGetIdentityMethod) == null) {
      synchronized (DirectoryServiceGrpc.class) {
        if ((getGetIdentityMethod = DirectoryServiceGrpc.getGetIdentityMethod) == null) {
          DirectoryServiceGrpc.getGetIdentityMethod = getGetIdentityMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.GetIdentityRequest, com.ringback.v1.GetIdentityResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetIdentity"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.GetIdentityRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.GetIdentityResponse.getDefaultInstance()))
              .setSchemaDescriptor(new DirectoryServiceMethodDescriptorSupplier("GetIdentity"))
              .build();
        }
      }
    }
    return getGetIdentityMethod;
  }

  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.EraseTargetRequest,
      com.ringback.v1.EraseTargetResponse> getEraseTargetMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "EraseTarget",
      requestType = com.ringback.v1.EraseTargetRequest.class,
      responseType = com.ringback.v1.EraseTargetResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<com.ringback.v1.EraseTargetRequest,
      com.ringback.v1.EraseTargetResponse> getEraseTargetMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.EraseTargetRequest, com.ringback.v1.EraseTargetResponse> getEraseTargetMethod;
    if ((getEraseTargetMethod = DirectoryServiceGrpc.getEraseTargetMethod) == null) {
      synchronized (DirectoryServiceGrpc.class) {
        if ((getEraseTargetMethod = DirectoryServiceGrpc.getEraseTargetMethod) == null) {
          DirectoryServiceGrpc.getEraseTargetMethod = getEraseTargetMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.EraseTargetRequest, com.ringback.v1.EraseTargetResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "EraseTarget"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.EraseTargetRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.EraseTargetResponse.getDefaultInstance()))
              .setSchemaDescriptor(new DirectoryServiceMethodDescriptorSupplier("EraseTarget"))
              .build();
        }
      }
    }
    return getEraseTargetMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static DirectoryServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<DirectoryServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<DirectoryServiceStub>() {
        @java.lang.Override
        public DirectoryServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new DirectoryServiceStub(channel, callOptions);
        }
      };
    return DirectoryServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static DirectoryServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<DirectoryServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<DirectoryServiceBlockingV2Stub>() {
        @java.lang.Override
        public DirectoryServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new DirectoryServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return DirectoryServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static DirectoryServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<DirectoryServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<DirectoryServiceBlockingStub>() {
        @java.lang.Override
        public DirectoryServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new DirectoryServiceBlockingStub(channel, callOptions);
        }
      };
    return DirectoryServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static DirectoryServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<DirectoryServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<DirectoryServiceFutureStub>() {
        @java.lang.Override
        public DirectoryServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new DirectoryServiceFutureStub(channel, callOptions);
        }
      };
    return DirectoryServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * Keeps the directory of services, and shows their queues. A service is named by its UUID or by its SIP address.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Returns all services, in the order of their `service_id`. A page may be shorter than `page_size` although more
     * follow, because it stays below 4 MiB: the end is an empty `next_page_token`.
     * PAGE_TOKEN_INVALID.
     * </pre>
     */
    default void listServices(com.ringback.v1.ListServicesRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.ListServicesResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListServicesMethod(), responseObserver);
    }

    /**
     * <pre>
     * Returns one service.
     * SERVICE_NOT_FOUND.
     * </pre>
     */
    default void getService(com.ringback.v1.GetServiceRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.GetServiceResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetServiceMethod(), responseObserver);
    }

    /**
     * <pre>
     * Adds a service.
     * SERVICE_ALREADY_EXISTS when its `service_id` or `sip_address` is taken.
     * </pre>
     */
    default void createService(com.ringback.v1.CreateServiceRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.CreateServiceResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCreateServiceMethod(), responseObserver);
    }

    /**
     * <pre>
     * Changes settings of a service. Counts for what is decided from now on: callbacks keep the times that they
     * have, except that their next opening is worked out again. An update that closes the service takes its QUEUED
     * callbacks to SCHEDULED at the next opening. After one that closes or pauses it, no callback that is OFFERED can
     * be dialled: see ReportProgress.
     * SERVICE_NOT_FOUND, SERVICE_ALREADY_EXISTS when the new `sip_address` is taken, ETAG_MISMATCH.
     * </pre>
     */
    default void updateService(com.ringback.v1.UpdateServiceRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.UpdateServiceResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getUpdateServiceMethod(), responseObserver);
    }

    /**
     * <pre>
     * Deletes a service. Its ended callbacks stay.
     * SERVICE_NOT_FOUND, SERVICE_IN_USE while it has callbacks that are open, ETAG_MISMATCH.
     * </pre>
     */
    default void deleteService(com.ringback.v1.DeleteServiceRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.DeleteServiceResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getDeleteServiceMethod(), responseObserver);
    }

    /**
     * <pre>
     * Returns how a service's queue looks at this moment, and where one callback stands in it.
     * SERVICE_NOT_FOUND, CALLBACK_NOT_FOUND, INVALID_FIELD when the callback belongs to another service.
     * </pre>
     */
    default void getQueue(com.ringback.v1.GetQueueRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.GetQueueResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetQueueMethod(), responseObserver);
    }

    /**
     * <pre>
     * Streams how the queues of services look: all of them with the first response, and then those that have changed, at
     * most once a second. What is sent is a picture and no history, so there is no token: a new stream begins with all.
     * A response comes at the latest after every `heartbeat_interval`; it may be empty. The server ends every stream with
     * OK when it stops, and otherwise after 30 minutes, give or take 10 %. Watch again then.
     * QUOTA_EXCEEDED.
     * </pre>
     */
    default void watchQueues(com.ringback.v1.WatchQueuesRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.WatchQueuesResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getWatchQueuesMethod(), responseObserver);
    }

    /**
     * <pre>
     * Returns how attempts and callbacks have ended, counted by service and half hour. The counts are kept for 15 days and
     * have neither targets nor ids in them.
     * INVALID_FIELD for a range of more than 15 days, or that ends before it begins, and for more than 60,000 counts: name
     * fewer services then, or a shorter range.
     * </pre>
     */
    default void getOutcomes(com.ringback.v1.GetOutcomesRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.GetOutcomesResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetOutcomesMethod(), responseObserver);
    }

    /**
     * <pre>
     * Returns who the credential belongs to, and what it may do.
     * No reasons of its own.
     * </pre>
     */
    default void getIdentity(com.ringback.v1.GetIdentityRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.GetIdentityResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetIdentityMethod(), responseObserver);
    }

    /**
     * <pre>
     * Deletes everything that is kept about one target: its callbacks of all services, and what the event log, the
     * attempts and the idempotency records have of them. Callbacks that are open are cancelled first. A call in progress
     * is to be hung up, and is erased by a repetition of the request once it has ended. Watchers get REMOVED for each,
     * with its ids and times only. Who erased, when and how many is kept; the target is not. For operators.
     * No reasons of its own.
     * </pre>
     */
    default void eraseTarget(com.ringback.v1.EraseTargetRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.EraseTargetResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getEraseTargetMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service DirectoryService.
   * <pre>
   * Keeps the directory of services, and shows their queues. A service is named by its UUID or by its SIP address.
   * </pre>
   */
  public static abstract class DirectoryServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return DirectoryServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service DirectoryService.
   * <pre>
   * Keeps the directory of services, and shows their queues. A service is named by its UUID or by its SIP address.
   * </pre>
   */
  public static final class DirectoryServiceStub
      extends io.grpc.stub.AbstractAsyncStub<DirectoryServiceStub> {
    private DirectoryServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected DirectoryServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new DirectoryServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * Returns all services, in the order of their `service_id`. A page may be shorter than `page_size` although more
     * follow, because it stays below 4 MiB: the end is an empty `next_page_token`.
     * PAGE_TOKEN_INVALID.
     * </pre>
     */
    public void listServices(com.ringback.v1.ListServicesRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.ListServicesResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListServicesMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Returns one service.
     * SERVICE_NOT_FOUND.
     * </pre>
     */
    public void getService(com.ringback.v1.GetServiceRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.GetServiceResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetServiceMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Adds a service.
     * SERVICE_ALREADY_EXISTS when its `service_id` or `sip_address` is taken.
     * </pre>
     */
    public void createService(com.ringback.v1.CreateServiceRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.CreateServiceResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCreateServiceMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Changes settings of a service. Counts for what is decided from now on: callbacks keep the times that they
     * have, except that their next opening is worked out again. An update that closes the service takes its QUEUED
     * callbacks to SCHEDULED at the next opening. After one that closes or pauses it, no callback that is OFFERED can
     * be dialled: see ReportProgress.
     * SERVICE_NOT_FOUND, SERVICE_ALREADY_EXISTS when the new `sip_address` is taken, ETAG_MISMATCH.
     * </pre>
     */
    public void updateService(com.ringback.v1.UpdateServiceRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.UpdateServiceResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getUpdateServiceMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Deletes a service. Its ended callbacks stay.
     * SERVICE_NOT_FOUND, SERVICE_IN_USE while it has callbacks that are open, ETAG_MISMATCH.
     * </pre>
     */
    public void deleteService(com.ringback.v1.DeleteServiceRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.DeleteServiceResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getDeleteServiceMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Returns how a service's queue looks at this moment, and where one callback stands in it.
     * SERVICE_NOT_FOUND, CALLBACK_NOT_FOUND, INVALID_FIELD when the callback belongs to another service.
     * </pre>
     */
    public void getQueue(com.ringback.v1.GetQueueRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.GetQueueResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetQueueMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Streams how the queues of services look: all of them with the first response, and then those that have changed, at
     * most once a second. What is sent is a picture and no history, so there is no token: a new stream begins with all.
     * A response comes at the latest after every `heartbeat_interval`; it may be empty. The server ends every stream with
     * OK when it stops, and otherwise after 30 minutes, give or take 10 %. Watch again then.
     * QUOTA_EXCEEDED.
     * </pre>
     */
    public void watchQueues(com.ringback.v1.WatchQueuesRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.WatchQueuesResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getWatchQueuesMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Returns how attempts and callbacks have ended, counted by service and half hour. The counts are kept for 15 days and
     * have neither targets nor ids in them.
     * INVALID_FIELD for a range of more than 15 days, or that ends before it begins, and for more than 60,000 counts: name
     * fewer services then, or a shorter range.
     * </pre>
     */
    public void getOutcomes(com.ringback.v1.GetOutcomesRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.GetOutcomesResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetOutcomesMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Returns who the credential belongs to, and what it may do.
     * No reasons of its own.
     * </pre>
     */
    public void getIdentity(com.ringback.v1.GetIdentityRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.GetIdentityResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetIdentityMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Deletes everything that is kept about one target: its callbacks of all services, and what the event log, the
     * attempts and the idempotency records have of them. Callbacks that are open are cancelled first. A call in progress
     * is to be hung up, and is erased by a repetition of the request once it has ended. Watchers get REMOVED for each,
     * with its ids and times only. Who erased, when and how many is kept; the target is not. For operators.
     * No reasons of its own.
     * </pre>
     */
    public void eraseTarget(com.ringback.v1.EraseTargetRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.EraseTargetResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getEraseTargetMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service DirectoryService.
   * <pre>
   * Keeps the directory of services, and shows their queues. A service is named by its UUID or by its SIP address.
   * </pre>
   */
  public static final class DirectoryServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<DirectoryServiceBlockingV2Stub> {
    private DirectoryServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected DirectoryServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new DirectoryServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Returns all services, in the order of their `service_id`. A page may be shorter than `page_size` although more
     * follow, because it stays below 4 MiB: the end is an empty `next_page_token`.
     * PAGE_TOKEN_INVALID.
     * </pre>
     */
    public com.ringback.v1.ListServicesResponse listServices(com.ringback.v1.ListServicesRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListServicesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns one service.
     * SERVICE_NOT_FOUND.
     * </pre>
     */
    public com.ringback.v1.GetServiceResponse getService(com.ringback.v1.GetServiceRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetServiceMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Adds a service.
     * SERVICE_ALREADY_EXISTS when its `service_id` or `sip_address` is taken.
     * </pre>
     */
    public com.ringback.v1.CreateServiceResponse createService(com.ringback.v1.CreateServiceRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCreateServiceMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Changes settings of a service. Counts for what is decided from now on: callbacks keep the times that they
     * have, except that their next opening is worked out again. An update that closes the service takes its QUEUED
     * callbacks to SCHEDULED at the next opening. After one that closes or pauses it, no callback that is OFFERED can
     * be dialled: see ReportProgress.
     * SERVICE_NOT_FOUND, SERVICE_ALREADY_EXISTS when the new `sip_address` is taken, ETAG_MISMATCH.
     * </pre>
     */
    public com.ringback.v1.UpdateServiceResponse updateService(com.ringback.v1.UpdateServiceRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getUpdateServiceMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Deletes a service. Its ended callbacks stay.
     * SERVICE_NOT_FOUND, SERVICE_IN_USE while it has callbacks that are open, ETAG_MISMATCH.
     * </pre>
     */
    public com.ringback.v1.DeleteServiceResponse deleteService(com.ringback.v1.DeleteServiceRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getDeleteServiceMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns how a service's queue looks at this moment, and where one callback stands in it.
     * SERVICE_NOT_FOUND, CALLBACK_NOT_FOUND, INVALID_FIELD when the callback belongs to another service.
     * </pre>
     */
    public com.ringback.v1.GetQueueResponse getQueue(com.ringback.v1.GetQueueRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetQueueMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Streams how the queues of services look: all of them with the first response, and then those that have changed, at
     * most once a second. What is sent is a picture and no history, so there is no token: a new stream begins with all.
     * A response comes at the latest after every `heartbeat_interval`; it may be empty. The server ends every stream with
     * OK when it stops, and otherwise after 30 minutes, give or take 10 %. Watch again then.
     * QUOTA_EXCEEDED.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, com.ringback.v1.WatchQueuesResponse>
        watchQueues(com.ringback.v1.WatchQueuesRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getWatchQueuesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns how attempts and callbacks have ended, counted by service and half hour. The counts are kept for 15 days and
     * have neither targets nor ids in them.
     * INVALID_FIELD for a range of more than 15 days, or that ends before it begins, and for more than 60,000 counts: name
     * fewer services then, or a shorter range.
     * </pre>
     */
    public com.ringback.v1.GetOutcomesResponse getOutcomes(com.ringback.v1.GetOutcomesRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetOutcomesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns who the credential belongs to, and what it may do.
     * No reasons of its own.
     * </pre>
     */
    public com.ringback.v1.GetIdentityResponse getIdentity(com.ringback.v1.GetIdentityRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetIdentityMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Deletes everything that is kept about one target: its callbacks of all services, and what the event log, the
     * attempts and the idempotency records have of them. Callbacks that are open are cancelled first. A call in progress
     * is to be hung up, and is erased by a repetition of the request once it has ended. Watchers get REMOVED for each,
     * with its ids and times only. Who erased, when and how many is kept; the target is not. For operators.
     * No reasons of its own.
     * </pre>
     */
    public com.ringback.v1.EraseTargetResponse eraseTarget(com.ringback.v1.EraseTargetRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getEraseTargetMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service DirectoryService.
   * <pre>
   * Keeps the directory of services, and shows their queues. A service is named by its UUID or by its SIP address.
   * </pre>
   */
  public static final class DirectoryServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<DirectoryServiceBlockingStub> {
    private DirectoryServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected DirectoryServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new DirectoryServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Returns all services, in the order of their `service_id`. A page may be shorter than `page_size` although more
     * follow, because it stays below 4 MiB: the end is an empty `next_page_token`.
     * PAGE_TOKEN_INVALID.
     * </pre>
     */
    public com.ringback.v1.ListServicesResponse listServices(com.ringback.v1.ListServicesRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListServicesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns one service.
     * SERVICE_NOT_FOUND.
     * </pre>
     */
    public com.ringback.v1.GetServiceResponse getService(com.ringback.v1.GetServiceRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetServiceMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Adds a service.
     * SERVICE_ALREADY_EXISTS when its `service_id` or `sip_address` is taken.
     * </pre>
     */
    public com.ringback.v1.CreateServiceResponse createService(com.ringback.v1.CreateServiceRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCreateServiceMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Changes settings of a service. Counts for what is decided from now on: callbacks keep the times that they
     * have, except that their next opening is worked out again. An update that closes the service takes its QUEUED
     * callbacks to SCHEDULED at the next opening. After one that closes or pauses it, no callback that is OFFERED can
     * be dialled: see ReportProgress.
     * SERVICE_NOT_FOUND, SERVICE_ALREADY_EXISTS when the new `sip_address` is taken, ETAG_MISMATCH.
     * </pre>
     */
    public com.ringback.v1.UpdateServiceResponse updateService(com.ringback.v1.UpdateServiceRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getUpdateServiceMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Deletes a service. Its ended callbacks stay.
     * SERVICE_NOT_FOUND, SERVICE_IN_USE while it has callbacks that are open, ETAG_MISMATCH.
     * </pre>
     */
    public com.ringback.v1.DeleteServiceResponse deleteService(com.ringback.v1.DeleteServiceRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getDeleteServiceMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns how a service's queue looks at this moment, and where one callback stands in it.
     * SERVICE_NOT_FOUND, CALLBACK_NOT_FOUND, INVALID_FIELD when the callback belongs to another service.
     * </pre>
     */
    public com.ringback.v1.GetQueueResponse getQueue(com.ringback.v1.GetQueueRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetQueueMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Streams how the queues of services look: all of them with the first response, and then those that have changed, at
     * most once a second. What is sent is a picture and no history, so there is no token: a new stream begins with all.
     * A response comes at the latest after every `heartbeat_interval`; it may be empty. The server ends every stream with
     * OK when it stops, and otherwise after 30 minutes, give or take 10 %. Watch again then.
     * QUOTA_EXCEEDED.
     * </pre>
     */
    public java.util.Iterator<com.ringback.v1.WatchQueuesResponse> watchQueues(
        com.ringback.v1.WatchQueuesRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getWatchQueuesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns how attempts and callbacks have ended, counted by service and half hour. The counts are kept for 15 days and
     * have neither targets nor ids in them.
     * INVALID_FIELD for a range of more than 15 days, or that ends before it begins, and for more than 60,000 counts: name
     * fewer services then, or a shorter range.
     * </pre>
     */
    public com.ringback.v1.GetOutcomesResponse getOutcomes(com.ringback.v1.GetOutcomesRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetOutcomesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns who the credential belongs to, and what it may do.
     * No reasons of its own.
     * </pre>
     */
    public com.ringback.v1.GetIdentityResponse getIdentity(com.ringback.v1.GetIdentityRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetIdentityMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Deletes everything that is kept about one target: its callbacks of all services, and what the event log, the
     * attempts and the idempotency records have of them. Callbacks that are open are cancelled first. A call in progress
     * is to be hung up, and is erased by a repetition of the request once it has ended. Watchers get REMOVED for each,
     * with its ids and times only. Who erased, when and how many is kept; the target is not. For operators.
     * No reasons of its own.
     * </pre>
     */
    public com.ringback.v1.EraseTargetResponse eraseTarget(com.ringback.v1.EraseTargetRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getEraseTargetMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service DirectoryService.
   * <pre>
   * Keeps the directory of services, and shows their queues. A service is named by its UUID or by its SIP address.
   * </pre>
   */
  public static final class DirectoryServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<DirectoryServiceFutureStub> {
    private DirectoryServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected DirectoryServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new DirectoryServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Returns all services, in the order of their `service_id`. A page may be shorter than `page_size` although more
     * follow, because it stays below 4 MiB: the end is an empty `next_page_token`.
     * PAGE_TOKEN_INVALID.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<com.ringback.v1.ListServicesResponse> listServices(
        com.ringback.v1.ListServicesRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListServicesMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Returns one service.
     * SERVICE_NOT_FOUND.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<com.ringback.v1.GetServiceResponse> getService(
        com.ringback.v1.GetServiceRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetServiceMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Adds a service.
     * SERVICE_ALREADY_EXISTS when its `service_id` or `sip_address` is taken.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<com.ringback.v1.CreateServiceResponse> createService(
        com.ringback.v1.CreateServiceRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCreateServiceMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Changes settings of a service. Counts for what is decided from now on: callbacks keep the times that they
     * have, except that their next opening is worked out again. An update that closes the service takes its QUEUED
     * callbacks to SCHEDULED at the next opening. After one that closes or pauses it, no callback that is OFFERED can
     * be dialled: see ReportProgress.
     * SERVICE_NOT_FOUND, SERVICE_ALREADY_EXISTS when the new `sip_address` is taken, ETAG_MISMATCH.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<com.ringback.v1.UpdateServiceResponse> updateService(
        com.ringback.v1.UpdateServiceRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getUpdateServiceMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Deletes a service. Its ended callbacks stay.
     * SERVICE_NOT_FOUND, SERVICE_IN_USE while it has callbacks that are open, ETAG_MISMATCH.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<com.ringback.v1.DeleteServiceResponse> deleteService(
        com.ringback.v1.DeleteServiceRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getDeleteServiceMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Returns how a service's queue looks at this moment, and where one callback stands in it.
     * SERVICE_NOT_FOUND, CALLBACK_NOT_FOUND, INVALID_FIELD when the callback belongs to another service.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<com.ringback.v1.GetQueueResponse> getQueue(
        com.ringback.v1.GetQueueRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetQueueMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Returns how attempts and callbacks have ended, counted by service and half hour. The counts are kept for 15 days and
     * have neither targets nor ids in them.
     * INVALID_FIELD for a range of more than 15 days, or that ends before it begins, and for more than 60,000 counts: name
     * fewer services then, or a shorter range.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<com.ringback.v1.GetOutcomesResponse> getOutcomes(
        com.ringback.v1.GetOutcomesRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetOutcomesMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Returns who the credential belongs to, and what it may do.
     * No reasons of its own.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<com.ringback.v1.GetIdentityResponse> getIdentity(
        com.ringback.v1.GetIdentityRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetIdentityMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Deletes everything that is kept about one target: its callbacks of all services, and what the event log, the
     * attempts and the idempotency records have of them. Callbacks that are open are cancelled first. A call in progress
     * is to be hung up, and is erased by a repetition of the request once it has ended. Watchers get REMOVED for each,
     * with its ids and times only. Who erased, when and how many is kept; the target is not. For operators.
     * No reasons of its own.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<com.ringback.v1.EraseTargetResponse> eraseTarget(
        com.ringback.v1.EraseTargetRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getEraseTargetMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_LIST_SERVICES = 0;
  private static final int METHODID_GET_SERVICE = 1;
  private static final int METHODID_CREATE_SERVICE = 2;
  private static final int METHODID_UPDATE_SERVICE = 3;
  private static final int METHODID_DELETE_SERVICE = 4;
  private static final int METHODID_GET_QUEUE = 5;
  private static final int METHODID_WATCH_QUEUES = 6;
  private static final int METHODID_GET_OUTCOMES = 7;
  private static final int METHODID_GET_IDENTITY = 8;
  private static final int METHODID_ERASE_TARGET = 9;

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
        case METHODID_LIST_SERVICES:
          serviceImpl.listServices((com.ringback.v1.ListServicesRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.ListServicesResponse>) responseObserver);
          break;
        case METHODID_GET_SERVICE:
          serviceImpl.getService((com.ringback.v1.GetServiceRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.GetServiceResponse>) responseObserver);
          break;
        case METHODID_CREATE_SERVICE:
          serviceImpl.createService((com.ringback.v1.CreateServiceRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.CreateServiceResponse>) responseObserver);
          break;
        case METHODID_UPDATE_SERVICE:
          serviceImpl.updateService((com.ringback.v1.UpdateServiceRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.UpdateServiceResponse>) responseObserver);
          break;
        case METHODID_DELETE_SERVICE:
          serviceImpl.deleteService((com.ringback.v1.DeleteServiceRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.DeleteServiceResponse>) responseObserver);
          break;
        case METHODID_GET_QUEUE:
          serviceImpl.getQueue((com.ringback.v1.GetQueueRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.GetQueueResponse>) responseObserver);
          break;
        case METHODID_WATCH_QUEUES:
          serviceImpl.watchQueues((com.ringback.v1.WatchQueuesRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.WatchQueuesResponse>) responseObserver);
          break;
        case METHODID_GET_OUTCOMES:
          serviceImpl.getOutcomes((com.ringback.v1.GetOutcomesRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.GetOutcomesResponse>) responseObserver);
          break;
        case METHODID_GET_IDENTITY:
          serviceImpl.getIdentity((com.ringback.v1.GetIdentityRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.GetIdentityResponse>) responseObserver);
          break;
        case METHODID_ERASE_TARGET:
          serviceImpl.eraseTarget((com.ringback.v1.EraseTargetRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.EraseTargetResponse>) responseObserver);
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
          getListServicesMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              com.ringback.v1.ListServicesRequest,
              com.ringback.v1.ListServicesResponse>(
                service, METHODID_LIST_SERVICES)))
        .addMethod(
          getGetServiceMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              com.ringback.v1.GetServiceRequest,
              com.ringback.v1.GetServiceResponse>(
                service, METHODID_GET_SERVICE)))
        .addMethod(
          getCreateServiceMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              com.ringback.v1.CreateServiceRequest,
              com.ringback.v1.CreateServiceResponse>(
                service, METHODID_CREATE_SERVICE)))
        .addMethod(
          getUpdateServiceMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              com.ringback.v1.UpdateServiceRequest,
              com.ringback.v1.UpdateServiceResponse>(
                service, METHODID_UPDATE_SERVICE)))
        .addMethod(
          getDeleteServiceMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              com.ringback.v1.DeleteServiceRequest,
              com.ringback.v1.DeleteServiceResponse>(
                service, METHODID_DELETE_SERVICE)))
        .addMethod(
          getGetQueueMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              com.ringback.v1.GetQueueRequest,
              com.ringback.v1.GetQueueResponse>(
                service, METHODID_GET_QUEUE)))
        .addMethod(
          getWatchQueuesMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              com.ringback.v1.WatchQueuesRequest,
              com.ringback.v1.WatchQueuesResponse>(
                service, METHODID_WATCH_QUEUES)))
        .addMethod(
          getGetOutcomesMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              com.ringback.v1.GetOutcomesRequest,
              com.ringback.v1.GetOutcomesResponse>(
                service, METHODID_GET_OUTCOMES)))
        .addMethod(
          getGetIdentityMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              com.ringback.v1.GetIdentityRequest,
              com.ringback.v1.GetIdentityResponse>(
                service, METHODID_GET_IDENTITY)))
        .addMethod(
          getEraseTargetMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              com.ringback.v1.EraseTargetRequest,
              com.ringback.v1.EraseTargetResponse>(
                service, METHODID_ERASE_TARGET)))
        .build();
  }

  private static abstract class DirectoryServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    DirectoryServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return com.ringback.v1.DirectoryServiceOuterClass.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("DirectoryService");
    }
  }

  private static final class DirectoryServiceFileDescriptorSupplier
      extends DirectoryServiceBaseDescriptorSupplier {
    DirectoryServiceFileDescriptorSupplier() {}
  }

  private static final class DirectoryServiceMethodDescriptorSupplier
      extends DirectoryServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    DirectoryServiceMethodDescriptorSupplier(java.lang.String methodName) {
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
      synchronized (DirectoryServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new DirectoryServiceFileDescriptorSupplier())
              .addMethod(getListServicesMethod())
              .addMethod(getGetServiceMethod())
              .addMethod(getCreateServiceMethod())
              .addMethod(getUpdateServiceMethod())
              .addMethod(getDeleteServiceMethod())
              .addMethod(getGetQueueMethod())
              .addMethod(getWatchQueuesMethod())
              .addMethod(getGetOutcomesMethod())
              .addMethod(getGetIdentityMethod())
              .addMethod(getEraseTargetMethod())
              .build();
        }
      }
    }
    return result;
  }
}
