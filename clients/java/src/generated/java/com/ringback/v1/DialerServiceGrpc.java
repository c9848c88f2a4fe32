package com.ringback.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * Hands out callbacks that are due, one attempt at a time, and takes the results.
 * The life of a lease, as a dialer sees it:
 * 1. LeaseCallbacks grants the exclusive right to make one attempt. The callback is OFFERED.
 * 2. ReportProgress DIALING, *before* the call is placed. Only when it is answered OK may the call be placed.
 *    This is the point of no return: a cancel, an expiry or a lapse of the lease comes either before it, and
 *    then the report is refused, or after it.
 * 3. ReportProgress RINGING, where known, and CONNECTED.
 * 4. ReportOutcome ends the attempt and the lease. ReleaseLeases, before step 2, gives the lease back unused.
 * A dialer that calls the agent first reports DIALING when the agent has answered, just before it calls the target. When
 * no agent answers it gives the lease back with `agents_unavailable`: no attempt is used, and the service rests.
 * ReportAttempts takes many reports of steps 2 to 4 in one call, which costs a busy dialer a fraction of as many calls.
 * Meanwhile ExtendLeases keeps the lease alive, also during the conversation. A good rhythm is a third of the
 * lease's duration. An accepted progress report counts as a sign of life, too. A lease that runs out is closed by
 * the server: in OFFERED the callback goes back to its place in the queue; in DIALING the attempt ends as INTERRUPTED
 * and uses a retry, because the phone may have rung; in CONNECTED the callback is COMPLETED; in CANCELLING it is
 * CANCELLED. A late report counts until the server has closed the lease, and is LEASE_EXPIRED or
 * LEASE_SUPERSEDED afterwards.
 * One phone, one call: while a callback is in progress, no other one to the same phone is leased, of any service.
 * When its dialer is lost after DIALING, the phone is kept for the `ring_timeout` of the service that dialled.
 * Whenever a response says `cancel_requested`: hang up, and report the outcome.
 * Every RPC of this service may be repeated when its response was lost.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class DialerServiceGrpc {

  private DialerServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "ringback.v1.DialerService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.LeaseCallbacksRequest,
      com.ringback.v1.LeaseCallbacksResponse> getLeaseCallbacksMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "LeaseCallbacks",
      requestType = com.ringback.v1.LeaseCallbacksRequest.class,
      responseType = com.ringback.v1.LeaseCallbacksResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<com.ringback.v1.LeaseCallbacksRequest,
      com.ringback.v1.LeaseCallbacksResponse> getLeaseCallbacksMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.LeaseCallbacksRequest, com.ringback.v1.LeaseCallbacksResponse> getLeaseCallbacksMethod;
    if ((getLeaseCallbacksMethod = DialerServiceGrpc.getLeaseCallbacksMethod) == null) {
      synchronized (DialerServiceGrpc.class) {
        if ((getLeaseCallbacksMethod = DialerServiceGrpc.getLeaseCallbacksMethod) == null) {
          DialerServiceGrpc.getLeaseCallbacksMethod = getLeaseCallbacksMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.LeaseCallbacksRequest, com.ringback.v1.LeaseCallbacksResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "LeaseCallbacks"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.LeaseCallbacksRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.LeaseCallbacksResponse.getDefaultInstance()))
              .setSchemaDescriptor(new DialerServiceMethodDescriptorSupplier("LeaseCallbacks"))
              .build();
        }
      }
    }
    return getLeaseCallbacksMethod;
  }

  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.ExtendLeasesRequest,
      com.ringback.v1.ExtendLeasesResponse> getExtendLeasesMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ExtendLeases",
      requestType = com.ringback.v1.ExtendLeasesRequest.class,
      responseType = com.ringback.v1.ExtendLeasesResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<com.ringback.v1.ExtendLeasesRequest,
      com.ringback.v1.ExtendLeasesResponse> getExtendLeasesMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.ExtendLeasesRequest, com.ringback.v1.ExtendLeasesResponse> getExtendLeasesMethod;
    if ((getExtendLeasesMethod = DialerServiceGrpc.getExtendLeasesMethod) == null) {
      synchronized (DialerServiceGrpc.class) {
        if ((getExtendLeasesMethod = DialerServiceGrpc.getExtendLeasesMethod) == null) {
          DialerServiceGrpc.getExtendLeasesMethod = getExtendLeasesMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.ExtendLeasesRequest, com.ringback.v1.ExtendLeasesResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ExtendLeases"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.ExtendLeasesRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.ExtendLeasesResponse.getDefaultInstance()))
              .setSchemaDescriptor(new DialerServiceMethodDescriptorSupplier("ExtendLeases"))
              .build();
        }
      }
    }
    return getExtendLeasesMethod;
  }

  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.ReportProgressRequest,
      com.ringback.v1.ReportProgressResponse> getReportProgressMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ReportProgress",
      requestType = com.ringback.v1.ReportProgressRequest.class,
      responseType = com.ringback.v1.ReportProgressResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<com.ringback.v1.ReportProgressRequest,
      com.ringback.v1.ReportProgressResponse> getReportProgressMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.ReportProgressRequest, com.ringback.v1.ReportProgressResponse> getReportProgressMethod;
    if ((getReportProgressMethod = DialerServiceGrpc.getReportProgressMethod) == null) {
      synchronized (DialerServiceGrpc.class) {
        if ((getReportProgressMethod = DialerServiceGrpc.getReportProgressMethod) == null) {
          DialerServiceGrpc.getReportProgressMethod = getReportProgressMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.ReportProgressRequest, com.ringback.v1.ReportProgressResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ReportProgress"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.ReportProgressRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.ReportProgressResponse.getDefaultInstance()))
              .setSchemaDescriptor(new DialerServiceMethodDescriptorSupplier("ReportProgress"))
              .build();
        }
      }
    }
    return getReportProgressMethod;
  }

  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.ReportOutcomeRequest,
      com.ringback.v1.ReportOutcomeResponse> getReportOutcomeMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ReportOutcome",
      requestType = com.ringback.v1.ReportOutcomeRequest.class,
      responseType = com.ringback.v1.ReportOutcomeResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<com.ringback.v1.ReportOutcomeRequest,
      com.ringback.v1.ReportOutcomeResponse> getReportOutcomeMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.ReportOutcomeRequest, com.ringback.v1.ReportOutcomeResponse> getReportOutcomeMethod;
    if ((getReportOutcomeMethod = DialerServiceGrpc.getReportOutcomeMethod) == null) {
      synchronized (DialerServiceGrpc.class) {
        if ((getReportOutcomeMethod = DialerServiceGrpc.getReportOutcomeMethod) == null) {
          DialerServiceGrpc.getReportOutcomeMethod = getReportOutcomeMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.ReportOutcomeRequest, com.ringback.v1.ReportOutcomeResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ReportOutcome"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.ReportOutcomeRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.ReportOutcomeResponse.getDefaultInstance()))
              .setSchemaDescriptor(new DialerServiceMethodDescriptorSupplier("ReportOutcome"))
              .build();
        }
      }
    }
    return getReportOutcomeMethod;
  }

  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.ReportAttemptsRequest,
      com.ringback.v1.ReportAttemptsResponse> getReportAttemptsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ReportAttempts",
      requestType = com.ringback.v1.ReportAttemptsRequest.class,
      responseType = com.ringback.v1.ReportAttemptsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<com.ringback.v1.ReportAttemptsRequest,
      com.ringback.v1.ReportAttemptsResponse> getReportAttemptsMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.ReportAttemptsRequest, com.ringback.v1.ReportAttemptsResponse> getReportAttemptsMethod;
    if ((getReportAttemptsMethod = DialerServiceGrpc.getReportAttemptsMethod) == null) {
      synchronized (DialerServiceGrpc.class) {
        if ((getReportAttemptsMethod = DialerServiceGrpc.getReportAttemptsMethod) == null) {
          DialerServiceGrpc.getReportAttemptsMethod = getReportAttemptsMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.ReportAttemptsRequest, com.ringback.v1.ReportAttemptsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ReportAttempts"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.ReportAttemptsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.ReportAttemptsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new DialerServiceMethodDescriptorSupplier("ReportAttempts"))
              .build();
        }
      }
    }
    return getReportAttemptsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<com.ringback.v1.ReleaseLeasesRequest,
      com.ringback.v1.ReleaseLeasesResponse> getReleaseLeasesMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ReleaseLeases",
      requestType = com.ringback.v1.ReleaseLeasesRequest.class,
      responseType = com.ringback.v1.ReleaseLeasesResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<com.ringback.v1.ReleaseLeasesRequest,
      com.ringback.v1.ReleaseLeasesResponse> getReleaseLeasesMethod() {
    io.grpc.MethodDescriptor<com.ringback.v1.ReleaseLeasesRequest, com.ringback.v1.ReleaseLeasesResponse> getReleaseLeasesMethod;
    if ((getReleaseLeasesMethod = DialerServiceGrpc.getReleaseLeasesMethod) == null) {
      synchronized (DialerServiceGrpc.class) {
        if ((getReleaseLeasesMethod = DialerServiceGrpc.getReleaseLeasesMethod) == null) {
          DialerServiceGrpc.getReleaseLeasesMethod = getReleaseLeasesMethod =
              io.grpc.MethodDescriptor.<com.ringback.v1.ReleaseLeasesRequest, com.ringback.v1.ReleaseLeasesResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ReleaseLeases"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.ReleaseLeasesRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  com.ringback.v1.ReleaseLeasesResponse.getDefaultInstance()))
              .setSchemaDescriptor(new DialerServiceMethodDescriptorSupplier("ReleaseLeases"))
              .build();
        }
      }
    }
    return getReleaseLeasesMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static DialerServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<DialerServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<DialerServiceStub>() {
        @java.lang.Override
        public DialerServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new DialerServiceStub(channel, callOptions);
        }
      };
    return DialerServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static DialerServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<DialerServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<DialerServiceBlockingV2Stub>() {
        @java.lang.Override
        public DialerServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new DialerServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return DialerServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static DialerServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<DialerServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<DialerServiceBlockingStub>() {
        @java.lang.Override
        public DialerServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new DialerServiceBlockingStub(channel, callOptions);
        }
      };
    return DialerServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static DialerServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<DialerServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<DialerServiceFutureStub>() {
        @java.lang.Override
        public DialerServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new DialerServiceFutureStub(channel, callOptions);
        }
      };
    return DialerServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * Hands out callbacks that are due, one attempt at a time, and takes the results.
   * The life of a lease, as a dialer sees it:
   * 1. LeaseCallbacks grants the exclusive right to make one attempt. The callback is OFFERED.
   * 2. ReportProgress DIALING, *before* the call is placed. Only when it is answered OK may the call be placed.
   *    This is the point of no return: a cancel, an expiry or a lapse of the lease comes either before it, and
   *    then the report is refused, or after it.
   * 3. ReportProgress RINGING, where known, and CONNECTED.
   * 4. ReportOutcome ends the attempt and the lease. ReleaseLeases, before step 2, gives the lease back unused.
   * A dialer that calls the agent first reports DIALING when the agent has answered, just before it calls the target. When
   * no agent answers it gives the lease back with `agents_unavailable`: no attempt is used, and the service rests.
   * ReportAttempts takes many reports of steps 2 to 4 in one call, which costs a busy dialer a fraction of as many calls.
   * Meanwhile ExtendLeases keeps the lease alive, also during the conversation. A good rhythm is a third of the
   * lease's duration. An accepted progress report counts as a sign of life, too. A lease that runs out is closed by
   * the server: in OFFERED the callback goes back to its place in the queue; in DIALING the attempt ends as INTERRUPTED
   * and uses a retry, because the phone may have rung; in CONNECTED the callback is COMPLETED; in CANCELLING it is
   * CANCELLED. A late report counts until the server has closed the lease, and is LEASE_EXPIRED or
   * LEASE_SUPERSEDED afterwards.
   * One phone, one call: while a callback is in progress, no other one to the same phone is leased, of any service.
   * When its dialer is lost after DIALING, the phone is kept for the `ring_timeout` of the service that dialled.
   * Whenever a response says `cancel_requested`: hang up, and report the outcome.
   * Every RPC of this service may be repeated when its response was lost.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Leases callbacks that are due, in the order that their priorities ask for, within the capacity of each
     * service. A phone that is in a call already is passed over until that has ended: nobody is dialled twice at
     * once. A long poll: when there is nothing, waits up to `wait_duration` and then returns OK with no leases,
     * never DEADLINE_EXCEEDED. Returns as soon as there is at least one. Leases granted to a client that has
     * gone meanwhile are given straight back.
     * Set the deadline of the call some seconds above `wait_duration`.
     * SERVICE_NOT_FOUND, REQUEST_ID_REUSED.
     * </pre>
     */
    default void leaseCallbacks(com.ringback.v1.LeaseCallbacksRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.LeaseCallbacksResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getLeaseCallbacksMethod(), responseObserver);
    }

    /**
     * <pre>
     * Extends leases, and tells about each whether it still stands and whether its call should be hung up. A
     * lost lease is data, not an error of the call. Returns also what UpdateCallback has changed meanwhile.
     * </pre>
     */
    default void extendLeases(com.ringback.v1.ExtendLeasesRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.ExtendLeasesResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getExtendLeasesMethod(), responseObserver);
    }

    /**
     * <pre>
     * Reports how far a call has come. DIALING is obligatory and comes before the call is placed; RINGING may
     * be left out. Repeating a report, or reporting something that later progress has overtaken, is OK and
     * changes nothing.
     * DIALING is refused with LEASE_EXPIRED when the service has been closed or paused since the callback was leased:
     * the callback goes back to its place, and no attempt is used.
     * LEASE_EXPIRED, LEASE_SUPERSEDED, ATTEMPT_NOT_STARTED (RINGING or CONNECTED before DIALING).
     * </pre>
     */
    default void reportProgress(com.ringback.v1.ReportProgressRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.ReportProgressResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getReportProgressMethod(), responseObserver);
    }

    /**
     * <pre>
     * Reports how an attempt ended, and closes its lease. Repeating the same outcome is OK and changes
     * nothing. In CANCELLING every outcome is taken: ANSWERED ends the callback as COMPLETED, any other as
     * CANCELLED. After CONNECTED, ANSWERED, MACHINE, ABANDONED and INTERRUPTED are taken. ANSWERED includes the
     * report CONNECTED if that was left out.
     * LEASE_EXPIRED, LEASE_SUPERSEDED, ATTEMPT_NOT_STARTED, OUTCOME_CONFLICT.
     * </pre>
     */
    default void reportOutcome(com.ringback.v1.ReportOutcomeRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.ReportOutcomeResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getReportOutcomeMethod(), responseObserver);
    }

    /**
     * <pre>
     * Takes up to 1000 reports in one call. Each is taken or refused for itself, as ReportProgress or ReportOutcome would:
     * those of one lease in the order given, each judged by what the one before it has left; those of different leases
     * do not depend on each other. All that was taken is durable when the answer comes. Only when the result of
     * a DIALING report has no error may its call be placed. Repeating the whole call is as safe as repeating its reports.
     * INVALID_FIELD for fewer than 1 or more than 1000 reports, and, with `include_callbacks`, when the response could
     * exceed 4 MiB: none is taken then. Errors of reports are in `results`; errors of authentication, rate and
     * storage fail the call.
     * </pre>
     */
    default void reportAttempts(com.ringback.v1.ReportAttemptsRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.ReportAttemptsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getReportAttemptsMethod(), responseObserver);
    }

    /**
     * <pre>
     * Gives back leases unused, because an agent has declined, no agent answers or the dialer stops. Each callback goes
     * back to QUEUED in its old place, and no attempt is used. Works before DIALING only.
     * </pre>
     */
    default void releaseLeases(com.ringback.v1.ReleaseLeasesRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.ReleaseLeasesResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getReleaseLeasesMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service DialerService.
   * <pre>
   * Hands out callbacks that are due, one attempt at a time, and takes the results.
   * The life of a lease, as a dialer sees it:
   * 1. LeaseCallbacks grants the exclusive right to make one attempt. The callback is OFFERED.
   * 2. ReportProgress DIALING, *before* the call is placed. Only when it is answered OK may the call be placed.
   *    This is the point of no return: a cancel, an expiry or a lapse of the lease comes either before it, and
   *    then the report is refused, or after it.
   * 3. ReportProgress RINGING, where known, and CONNECTED.
   * 4. ReportOutcome ends the attempt and the lease. ReleaseLeases, before step 2, gives the lease back unused.
   * A dialer that calls the agent first reports DIALING when the agent has answered, just before it calls the target. When
   * no agent answers it gives the lease back with `agents_unavailable`: no attempt is used, and the service rests.
   * ReportAttempts takes many reports of steps 2 to 4 in one call, which costs a busy dialer a fraction of as many calls.
   * Meanwhile ExtendLeases keeps the lease alive, also during the conversation. A good rhythm is a third of the
   * lease's duration. An accepted progress report counts as a sign of life, too. A lease that runs out is closed by
   * the server: in OFFERED the callback goes back to its place in the queue; in DIALING the attempt ends as INTERRUPTED
   * and uses a retry, because the phone may have rung; in CONNECTED the callback is COMPLETED; in CANCELLING it is
   * CANCELLED. A late report counts until the server has closed the lease, and is LEASE_EXPIRED or
   * LEASE_SUPERSEDED afterwards.
   * One phone, one call: while a callback is in progress, no other one to the same phone is leased, of any service.
   * When its dialer is lost after DIALING, the phone is kept for the `ring_timeout` of the service that dialled.
   * Whenever a response says `cancel_requested`: hang up, and report the outcome.
   * Every RPC of this service may be repeated when its response was lost.
   * </pre>
   */
  public static abstract class DialerServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return DialerServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service DialerService.
   * <pre>
   * Hands out callbacks that are due, one attempt at a time, and takes the results.
   * The life of a lease, as a dialer sees it:
   * 1. LeaseCallbacks grants the exclusive right to make one attempt. The callback is OFFERED.
   * 2. ReportProgress DIALING, *before* the call is placed. Only when it is answered OK may the call be placed.
   *    This is the point of no return: a cancel, an expiry or a lapse of the lease comes either before it, and
   *    then the report is refused, or after it.
   * 3. ReportProgress RINGING, where known, and CONNECTED.
   * 4. ReportOutcome ends the attempt and the lease. ReleaseLeases, before step 2, gives the lease back unused.
   * A dialer that calls the agent first reports DIALING when the agent has answered, just before it calls the target. When
   * no agent answers it gives the lease back with `agents_unavailable`: no attempt is used, and the service rests.
   * ReportAttempts takes many reports of steps 2 to 4 in one call, which costs a busy dialer a fraction of as many calls.
   * Meanwhile ExtendLeases keeps the lease alive, also during the conversation. A good rhythm is a third of the
   * lease's duration. An accepted progress report counts as a sign of life, too. A lease that runs out is closed by
   * the server: in OFFERED the callback goes back to its place in the queue; in DIALING the attempt ends as INTERRUPTED
   * and uses a retry, because the phone may have rung; in CONNECTED the callback is COMPLETED; in CANCELLING it is
   * CANCELLED. A late report counts until the server has closed the lease, and is LEASE_EXPIRED or
   * LEASE_SUPERSEDED afterwards.
   * One phone, one call: while a callback is in progress, no other one to the same phone is leased, of any service.
   * When its dialer is lost after DIALING, the phone is kept for the `ring_timeout` of the service that dialled.
   * Whenever a response says `cancel_requested`: hang up, and report the outcome.
   * Every RPC of this service may be repeated when its response was lost.
   * </pre>
   */
  public static final class DialerServiceStub
      extends io.grpc.stub.AbstractAsyncStub<DialerServiceStub> {
    private DialerServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected DialerServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new DialerServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * Leases callbacks that are due, in the order that their priorities ask for, within the capacity of each
     * service. A phone that is in a call already is passed over until that has ended: nobody is dialled twice at
     * once. A long poll: when there is nothing, waits up to `wait_duration` and then returns OK with no leases,
     * never DEADLINE_EXCEEDED. Returns as soon as there is at least one. Leases granted to a client that has
     * gone meanwhile are given straight back.
     * Set the deadline of the call some seconds above `wait_duration`.
     * SERVICE_NOT_FOUND, REQUEST_ID_REUSED.
     * </pre>
     */
    public void leaseCallbacks(com.ringback.v1.LeaseCallbacksRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.LeaseCallbacksResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getLeaseCallbacksMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Extends leases, and tells about each whether it still stands and whether its call should be hung up. A
     * lost lease is data, not an error of the call. Returns also what UpdateCallback has changed meanwhile.
     * </pre>
     */
    public void extendLeases(com.ringback.v1.ExtendLeasesRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.ExtendLeasesResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getExtendLeasesMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Reports how far a call has come. DIALING is obligatory and comes before the call is placed; RINGING may
     * be left out. Repeating a report, or reporting something that later progress has overtaken, is OK and
     * changes nothing.
     * DIALING is refused with LEASE_EXPIRED when the service has been closed or paused since the callback was leased:
     * the callback goes back to its place, and no attempt is used.
     * LEASE_EXPIRED, LEASE_SUPERSEDED, ATTEMPT_NOT_STARTED (RINGING or CONNECTED before DIALING).
     * </pre>
     */
    public void reportProgress(com.ringback.v1.ReportProgressRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.ReportProgressResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getReportProgressMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Reports how an attempt ended, and closes its lease. Repeating the same outcome is OK and changes
     * nothing. In CANCELLING every outcome is taken: ANSWERED ends the callback as COMPLETED, any other as
     * CANCELLED. After CONNECTED, ANSWERED, MACHINE, ABANDONED and INTERRUPTED are taken. ANSWERED includes the
     * report CONNECTED if that was left out.
     * LEASE_EXPIRED, LEASE_SUPERSEDED, ATTEMPT_NOT_STARTED, OUTCOME_CONFLICT.
     * </pre>
     */
    public void reportOutcome(com.ringback.v1.ReportOutcomeRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.ReportOutcomeResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getReportOutcomeMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Takes up to 1000 reports in one call. Each is taken or refused for itself, as ReportProgress or ReportOutcome would:
     * those of one lease in the order given, each judged by what the one before it has left; those of different leases
     * do not depend on each other. All that was taken is durable when the answer comes. Only when the result of
     * a DIALING report has no error may its call be placed. Repeating the whole call is as safe as repeating its reports.
     * INVALID_FIELD for fewer than 1 or more than 1000 reports, and, with `include_callbacks`, when the response could
     * exceed 4 MiB: none is taken then. Errors of reports are in `results`; errors of authentication, rate and
     * storage fail the call.
     * </pre>
     */
    public void reportAttempts(com.ringback.v1.ReportAttemptsRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.ReportAttemptsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getReportAttemptsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Gives back leases unused, because an agent has declined, no agent answers or the dialer stops. Each callback goes
     * back to QUEUED in its old place, and no attempt is used. Works before DIALING only.
     * </pre>
     */
    public void releaseLeases(com.ringback.v1.ReleaseLeasesRequest request,
        io.grpc.stub.StreamObserver<com.ringback.v1.ReleaseLeasesResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getReleaseLeasesMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service DialerService.
   * <pre>
   * Hands out callbacks that are due, one attempt at a time, and takes the results.
   * The life of a lease, as a dialer sees it:
   * 1. LeaseCallbacks grants the exclusive right to make one attempt. The callback is OFFERED.
   * 2. ReportProgress DIALING, *before* the call is placed. Only when it is answered OK may the call be placed.
   *    This is the point of no return: a cancel, an expiry or a lapse of the lease comes either before it, and
   *    then the report is refused, or after it.
   * 3. ReportProgress RINGING, where known, and CONNECTED.
   * 4. ReportOutcome ends the attempt and the lease. ReleaseLeases, before step 2, gives the lease back unused.
   * A dialer that calls the agent first reports DIALING when the agent has answered, just before it calls the target. When
   * no agent answers it gives the lease back with `agents_unavailable`: no attempt is used, and the service rests.
   * ReportAttempts takes many reports of steps 2 to 4 in one call, which costs a busy dialer a fraction of as many calls.
   * Meanwhile ExtendLeases keeps the lease alive, also during the conversation. A good rhythm is a third of the
   * lease's duration. An accepted progress report counts as a sign of life, too. A lease that runs out is closed by
   * the server: in OFFERED the callback goes back to its place in the queue; in DIALING the attempt ends as INTERRUPTED
   * and uses a retry, because the phone may have rung; in CONNECTED the callback is COMPLETED; in CANCELLING it is
   * CANCELLED. A late report counts until the server has closed the lease, and is LEASE_EXPIRED or
   * LEASE_SUPERSEDED afterwards.
   * One phone, one call: while a callback is in progress, no other one to the same phone is leased, of any service.
   * When its dialer is lost after DIALING, the phone is kept for the `ring_timeout` of the service that dialled.
   * Whenever a response says `cancel_requested`: hang up, and report the outcome.
   * Every RPC of this service may be repeated when its response was lost.
   * </pre>
   */
  public static final class DialerServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<DialerServiceBlockingV2Stub> {
    private DialerServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected DialerServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new DialerServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Leases callbacks that are due, in the order that their priorities ask for, within the capacity of each
     * service. A phone that is in a call already is passed over until that has ended: nobody is dialled twice at
     * once. A long poll: when there is nothing, waits up to `wait_duration` and then returns OK with no leases,
     * never DEADLINE_EXCEEDED. Returns as soon as there is at least one. Leases granted to a client that has
     * gone meanwhile are given straight back.
     * Set the deadline of the call some seconds above `wait_duration`.
     * SERVICE_NOT_FOUND, REQUEST_ID_REUSED.
     * </pre>
     */
    public com.ringback.v1.LeaseCallbacksResponse leaseCallbacks(com.ringback.v1.LeaseCallbacksRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getLeaseCallbacksMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Extends leases, and tells about each whether it still stands and whether its call should be hung up. A
     * lost lease is data, not an error of the call. Returns also what UpdateCallback has changed meanwhile.
     * </pre>
     */
    public com.ringback.v1.ExtendLeasesResponse extendLeases(com.ringback.v1.ExtendLeasesRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getExtendLeasesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reports how far a call has come. DIALING is obligatory and comes before the call is placed; RINGING may
     * be left out. Repeating a report, or reporting something that later progress has overtaken, is OK and
     * changes nothing.
     * DIALING is refused with LEASE_EXPIRED when the service has been closed or paused since the callback was leased:
     * the callback goes back to its place, and no attempt is used.
     * LEASE_EXPIRED, LEASE_SUPERSEDED, ATTEMPT_NOT_STARTED (RINGING or CONNECTED before DIALING).
     * </pre>
     */
    public com.ringback.v1.ReportProgressResponse reportProgress(com.ringback.v1.ReportProgressRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getReportProgressMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reports how an attempt ended, and closes its lease. Repeating the same outcome is OK and changes
     * nothing. In CANCELLING every outcome is taken: ANSWERED ends the callback as COMPLETED, any other as
     * CANCELLED. After CONNECTED, ANSWERED, MACHINE, ABANDONED and INTERRUPTED are taken. ANSWERED includes the
     * report CONNECTED if that was left out.
     * LEASE_EXPIRED, LEASE_SUPERSEDED, ATTEMPT_NOT_STARTED, OUTCOME_CONFLICT.
     * </pre>
     */
    public com.ringback.v1.ReportOutcomeResponse reportOutcome(com.ringback.v1.ReportOutcomeRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getReportOutcomeMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Takes up to 1000 reports in one call. Each is taken or refused for itself, as ReportProgress or ReportOutcome would:
     * those of one lease in the order given, each judged by what the one before it has left; those of different leases
     * do not depend on each other. All that was taken is durable when the answer comes. Only when the result of
     * a DIALING report has no error may its call be placed. Repeating the whole call is as safe as repeating its reports.
     * INVALID_FIELD for fewer than 1 or more than 1000 reports, and, with `include_callbacks`, when the response could
     * exceed 4 MiB: none is taken then. Errors of reports are in `results`; errors of authentication, rate and
     * storage fail the call.
     * </pre>
     */
    public com.ringback.v1.ReportAttemptsResponse reportAttempts(com.ringback.v1.ReportAttemptsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getReportAttemptsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Gives back leases unused, because an agent has declined, no agent answers or the dialer stops. Each callback goes
     * back to QUEUED in its old place, and no attempt is used. Works before DIALING only.
     * </pre>
     */
    public com.ringback.v1.ReleaseLeasesResponse releaseLeases(com.ringback.v1.ReleaseLeasesRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getReleaseLeasesMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service DialerService.
   * <pre>
   * Hands out callbacks that are due, one attempt at a time, and takes the results.
   * The life of a lease, as a dialer sees it:
   * 1. LeaseCallbacks grants the exclusive right to make one attempt. The callback is OFFERED.
   * 2. ReportProgress DIALING, *before* the call is placed. Only when it is answered OK may the call be placed.
   *    This is the point of no return: a cancel, an expiry or a lapse of the lease comes either before it, and
   *    then the report is refused, or after it.
   * 3. ReportProgress RINGING, where known, and CONNECTED.
   * 4. ReportOutcome ends the attempt and the lease. ReleaseLeases, before step 2, gives the lease back unused.
   * A dialer that calls the agent first reports DIALING when the agent has answered, just before it calls the target. When
   * no agent answers it gives the lease back with `agents_unavailable`: no attempt is used, and the service rests.
   * ReportAttempts takes many reports of steps 2 to 4 in one call, which costs a busy dialer a fraction of as many calls.
   * Meanwhile ExtendLeases keeps the lease alive, also during the conversation. A good rhythm is a third of the
   * lease's duration. An accepted progress report counts as a sign of life, too. A lease that runs out is closed by
   * the server: in OFFERED the callback goes back to its place in the queue; in DIALING the attempt ends as INTERRUPTED
   * and uses a retry, because the phone may have rung; in CONNECTED the callback is COMPLETED; in CANCELLING it is
   * CANCELLED. A late report counts until the server has closed the lease, and is LEASE_EXPIRED or
   * LEASE_SUPERSEDED afterwards.
   * One phone, one call: while a callback is in progress, no other one to the same phone is leased, of any service.
   * When its dialer is lost after DIALING, the phone is kept for the `ring_timeout` of the service that dialled.
   * Whenever a response says `cancel_requested`: hang up, and report the outcome.
   * Every RPC of this service may be repeated when its response was lost.
   * </pre>
   */
  public static final class DialerServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<DialerServiceBlockingStub> {
    private DialerServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected DialerServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new DialerServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Leases callbacks that are due, in the order that their priorities ask for, within the capacity of each
     * service. A phone that is in a call already is passed over until that has ended: nobody is dialled twice at
     * once. A long poll: when there is nothing, waits up to `wait_duration` and then returns OK with no leases,
     * never DEADLINE_EXCEEDED. Returns as soon as there is at least one. Leases granted to a client that has
     * gone meanwhile are given straight back.
     * Set the deadline of the call some seconds above `wait_duration`.
     * SERVICE_NOT_FOUND, REQUEST_ID_REUSED.
     * </pre>
     */
    public com.ringback.v1.LeaseCallbacksResponse leaseCallbacks(com.ringback.v1.LeaseCallbacksRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getLeaseCallbacksMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Extends leases, and tells about each whether it still stands and whether its call should be hung up. A
     * lost lease is data, not an error of the call. Returns also what UpdateCallback has changed meanwhile.
     * </pre>
     */
    public com.ringback.v1.ExtendLeasesResponse extendLeases(com.ringback.v1.ExtendLeasesRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getExtendLeasesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reports how far a call has come. DIALING is obligatory and comes before the call is placed; RINGING may
     * be left out. Repeating a report, or reporting something that later progress has overtaken, is OK and
     * changes nothing.
     * DIALING is refused with LEASE_EXPIRED when the service has been closed or paused since the callback was leased:
     * the callback goes back to its place, and no attempt is used.
     * LEASE_EXPIRED, LEASE_SUPERSEDED, ATTEMPT_NOT_STARTED (RINGING or CONNECTED before DIALING).
     * </pre>
     */
    public com.ringback.v1.ReportProgressResponse reportProgress(com.ringback.v1.ReportProgressRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getReportProgressMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reports how an attempt ended, and closes its lease. Repeating the same outcome is OK and changes
     * nothing. In CANCELLING every outcome is taken: ANSWERED ends the callback as COMPLETED, any other as
     * CANCELLED. After CONNECTED, ANSWERED, MACHINE, ABANDONED and INTERRUPTED are taken. ANSWERED includes the
     * report CONNECTED if that was left out.
     * LEASE_EXPIRED, LEASE_SUPERSEDED, ATTEMPT_NOT_STARTED, OUTCOME_CONFLICT.
     * </pre>
     */
    public com.ringback.v1.ReportOutcomeResponse reportOutcome(com.ringback.v1.ReportOutcomeRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getReportOutcomeMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Takes up to 1000 reports in one call. Each is taken or refused for itself, as ReportProgress or ReportOutcome would:
     * those of one lease in the order given, each judged by what the one before it has left; those of different leases
     * do not depend on each other. All that was taken is durable when the answer comes. Only when the result of
     * a DIALING report has no error may its call be placed. Repeating the whole call is as safe as repeating its reports.
     * INVALID_FIELD for fewer than 1 or more than 1000 reports, and, with `include_callbacks`, when the response could
     * exceed 4 MiB: none is taken then. Errors of reports are in `results`; errors of authentication, rate and
     * storage fail the call.
     * </pre>
     */
    public com.ringback.v1.ReportAttemptsResponse reportAttempts(com.ringback.v1.ReportAttemptsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getReportAttemptsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Gives back leases unused, because an agent has declined, no agent answers or the dialer stops. Each callback goes
     * back to QUEUED in its old place, and no attempt is used. Works before DIALING only.
     * </pre>
     */
    public com.ringback.v1.ReleaseLeasesResponse releaseLeases(com.ringback.v1.ReleaseLeasesRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getReleaseLeasesMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service DialerService.
   * <pre>
   * Hands out callbacks that are due, one attempt at a time, and takes the results.
   * The life of a lease, as a dialer sees it:
   * 1. LeaseCallbacks grants the exclusive right to make one attempt. The callback is OFFERED.
   * 2. ReportProgress DIALING, *before* the call is placed. Only when it is answered OK may the call be placed.
   *    This is the point of no return: a cancel, an expiry or a lapse of the lease comes either before it, and
   *    then the report is refused, or after it.
   * 3. ReportProgress RINGING, where known, and CONNECTED.
   * 4. ReportOutcome ends the attempt and the lease. ReleaseLeases, before step 2, gives the lease back unused.
   * A dialer that calls the agent first reports DIALING when the agent has answered, just before it calls the target. When
   * no agent answers it gives the lease back with `agents_unavailable`: no attempt is used, and the service rests.
   * ReportAttempts takes many reports of steps 2 to 4 in one call, which costs a busy dialer a fraction of as many calls.
   * Meanwhile ExtendLeases keeps the lease alive, also during the conversation. A good rhythm is a third of the
   * lease's duration. An accepted progress report counts as a sign of life, too. A lease that runs out is closed by
   * the server: in OFFERED the callback goes back to its place in the queue; in DIALING the attempt ends as INTERRUPTED
   * and uses a retry, because the phone may have rung; in CONNECTED the callback is COMPLETED; in CANCELLING it is
   * CANCELLED. A late report counts until the server has closed the lease, and is LEASE_EXPIRED or
   * LEASE_SUPERSEDED afterwards.
   * One phone, one call: while a callback is in progress, no other one to the same phone is leased, of any service.
   * When its dialer is lost after DIALING, the phone is kept for the `ring_timeout` of the service that dialled.
   * Whenever a response says `cancel_requested`: hang up, and report the outcome.
   * Every RPC of this service may be repeated when its response was lost.
   * </pre>
   */
  public static final class DialerServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<DialerServiceFutureStub> {
    private DialerServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected DialerServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new DialerServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Leases callbacks that are due, in the order that their priorities ask for, within the capacity of each
     * service. A phone that is in a call already is passed over until that has ended: nobody is dialled twice at
     * once. A long poll: when there is nothing, waits up to `wait_duration` and then returns OK with no leases,
     * never DEADLINE_EXCEEDED. Returns as soon as there is at least one. Leases granted to a client that has
     * gone meanwhile are given straight back.
     * Set the deadline of the call some seconds above `wait_duration`.
     * SERVICE_NOT_FOUND, REQUEST_ID_REUSED.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<com.ringback.v1.LeaseCallbacksResponse> leaseCallbacks(
        com.ringback.v1.LeaseCallbacksRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getLeaseCallbacksMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Extends leases, and tells about each whether it still stands and whether its call should be hung up. A
     * lost lease is data, not an error of the call. Returns also what UpdateCallback has changed meanwhile.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<com.ringback.v1.ExtendLeasesResponse> extendLeases(
        com.ringback.v1.ExtendLeasesRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getExtendLeasesMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Reports how far a call has come. DIALING is obligatory and comes before the call is placed; RINGING may
     * be left out. Repeating a report, or reporting something that later progress has overtaken, is OK and
     * changes nothing.
     * DIALING is refused with LEASE_EXPIRED when the service has been closed or paused since the callback was leased:
     * the callback goes back to its place, and no attempt is used.
     * LEASE_EXPIRED, LEASE_SUPERSEDED, ATTEMPT_NOT_STARTED (RINGING or CONNECTED before DIALING).
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<com.ringback.v1.ReportProgressResponse> reportProgress(
        com.ringback.v1.ReportProgressRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getReportProgressMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Reports how an attempt ended, and closes its lease. Repeating the same outcome is OK and changes
     * nothing. In CANCELLING every outcome is taken: ANSWERED ends the callback as COMPLETED, any other as
     * CANCELLED. After CONNECTED, ANSWERED, MACHINE, ABANDONED and INTERRUPTED are taken. ANSWERED includes the
     * report CONNECTED if that was left out.
     * LEASE_EXPIRED, LEASE_SUPERSEDED, ATTEMPT_NOT_STARTED, OUTCOME_CONFLICT.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<com.ringback.v1.ReportOutcomeResponse> reportOutcome(
        com.ringback.v1.ReportOutcomeRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getReportOutcomeMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Takes up to 1000 reports in one call. Each is taken or refused for itself, as ReportProgress or ReportOutcome would:
     * those of one lease in the order given, each judged by what the one before it has left; those of different leases
     * do not depend on each other. All that was taken is durable when the answer comes. Only when the result of
     * a DIALING report has no error may its call be placed. Repeating the whole call is as safe as repeating its reports.
     * INVALID_FIELD for fewer than 1 or more than 1000 reports, and, with `include_callbacks`, when the response could
     * exceed 4 MiB: none is taken then. Errors of reports are in `results`; errors of authentication, rate and
     * storage fail the call.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<com.ringback.v1.ReportAttemptsResponse> reportAttempts(
        com.ringback.v1.ReportAttemptsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getReportAttemptsMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Gives back leases unused, because an agent has declined, no agent answers or the dialer stops. Each callback goes
     * back to QUEUED in its old place, and no attempt is used. Works before DIALING only.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<com.ringback.v1.ReleaseLeasesResponse> releaseLeases(
        com.ringback.v1.ReleaseLeasesRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getReleaseLeasesMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_LEASE_CALLBACKS = 0;
  private static final int METHODID_EXTEND_LEASES = 1;
  private static final int METHODID_REPORT_PROGRESS = 2;
  private static final int METHODID_REPORT_OUTCOME = 3;
  private static final int METHODID_REPORT_ATTEMPTS = 4;
  private static final int METHODID_RELEASE_LEASES = 5;

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
        case METHODID_LEASE_CALLBACKS:
          serviceImpl.leaseCallbacks((com.ringback.v1.LeaseCallbacksRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.LeaseCallbacksResponse>) responseObserver);
          break;
        case METHODID_EXTEND_LEASES:
          serviceImpl.extendLeases((com.ringback.v1.ExtendLeasesRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.ExtendLeasesResponse>) responseObserver);
          break;
        case METHODID_REPORT_PROGRESS:
          serviceImpl.reportProgress((com.ringback.v1.ReportProgressRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.ReportProgressResponse>) responseObserver);
          break;
        case METHODID_REPORT_OUTCOME:
          serviceImpl.reportOutcome((com.ringback.v1.ReportOutcomeRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.ReportOutcomeResponse>) responseObserver);
          break;
        case METHODID_REPORT_ATTEMPTS:
          serviceImpl.reportAttempts((com.ringback.v1.ReportAttemptsRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.ReportAttemptsResponse>) responseObserver);
          break;
        case METHODID_RELEASE_LEASES:
          serviceImpl.releaseLeases((com.ringback.v1.ReleaseLeasesRequest) request,
              (io.grpc.stub.StreamObserver<com.ringback.v1.ReleaseLeasesResponse>) responseObserver);
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
          getLeaseCallbacksMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              com.ringback.v1.LeaseCallbacksRequest,
              com.ringback.v1.LeaseCallbacksResponse>(
                service, METHODID_LEASE_CALLBACKS)))
        .addMethod(
          getExtendLeasesMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              com.ringback.v1.ExtendLeasesRequest,
              com.ringback.v1.ExtendLeasesResponse>(
                service, METHODID_EXTEND_LEASES)))
        .addMethod(
          getReportProgressMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              com.ringback.v1.ReportProgressRequest,
              com.ringback.v1.ReportProgressResponse>(
                service, METHODID_REPORT_PROGRESS)))
        .addMethod(
          getReportOutcomeMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              com.ringback.v1.ReportOutcomeRequest,
              com.ringback.v1.ReportOutcomeResponse>(
                service, METHODID_REPORT_OUTCOME)))
        .addMethod(
          getReportAttemptsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              com.ringback.v1.ReportAttemptsRequest,
              com.ringback.v1.ReportAttemptsResponse>(
                service, METHODID_REPORT_ATTEMPTS)))
        .addMethod(
          getReleaseLeasesMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              com.ringback.v1.ReleaseLeasesRequest,
              com.ringback.v1.ReleaseLeasesResponse>(
                service, METHODID_RELEASE_LEASES)))
        .build();
  }

  private static abstract class DialerServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    DialerServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return com.ringback.v1.DialerServiceOuterClass.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("DialerService");
    }
  }

  private static final class DialerServiceFileDescriptorSupplier
      extends DialerServiceBaseDescriptorSupplier {
    DialerServiceFileDescriptorSupplier() {}
  }

  private static final class DialerServiceMethodDescriptorSupplier
      extends DialerServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    DialerServiceMethodDescriptorSupplier(java.lang.String methodName) {
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
      synchronized (DialerServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new DialerServiceFileDescriptorSupplier())
              .addMethod(getLeaseCallbacksMethod())
              .addMethod(getExtendLeasesMethod())
              .addMethod(getReportProgressMethod())
              .addMethod(getReportOutcomeMethod())
              .addMethod(getReportAttemptsMethod())
              .addMethod(getReleaseLeasesMethod())
              .build();
        }
      }
    }
    return result;
  }
}
