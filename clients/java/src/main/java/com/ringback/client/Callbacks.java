package com.ringback.client;

import static java.util.concurrent.TimeUnit.NANOSECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;

import com.ringback.v1.CallbacksServiceGrpc.CallbacksServiceBlockingStub;
import com.ringback.v1.CreateCallbackRequest;
import com.ringback.v1.CreateCallbackResponse;
import com.ringback.v1.WatchCallbacksRequest;
import io.grpc.Context;
import io.grpc.Deadline;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/** Creates and watches callbacks over broken connections and restarts of the server. */
public final class Callbacks {
  private static final int DEFAULT_TIMEOUT_SECONDS = 30;

  /** After these, the callback may have been created, or may be as soon as the server is back. */
  private static final Set<Status.Code> REPEATED =
      Set.of(
          Status.Code.UNAVAILABLE,
          Status.Code.CANCELLED,
          Status.Code.DEADLINE_EXCEEDED,
          // What gRPC for Java says of a connection that closes in the moment of the call.
          Status.Code.UNKNOWN);

  private Callbacks() {}

  /**
   * Creates one callback, however often that has to be tried. A request with neither a {@code
   * request_id} nor an {@code external_task_id} is sent with a random {@code request_id}, which
   * lets the server recognise the repetition.
   *
   * <p>What fails with UNAVAILABLE or UNKNOWN, with a CANCELLED that the caller did not ask for, or
   * by taking longer than 10 seconds is repeated until the stub's deadline: 30 seconds, unless
   * {@code withDeadlineAfter} sets another. What a limit refuses (RATE_LIMITED, QUOTA_EXCEEDED) is
   * repeated after the time that the server names. An interrupt, a cancelled {@link Context} and a
   * channel that is shut down end it at once.
   *
   * @param stub whom to call
   * @param request what to create
   * @return the server's answer; {@code created} is false also when an earlier try has created it
   * @throws StatusRuntimeException when the server refuses it otherwise, also with
   *     CREDENTIALS_INVALID or NOT_ALLOWED; or with the last error of many
   */
  public static CreateCallbackResponse create(
      CallbacksServiceBlockingStub stub, CreateCallbackRequest request) {
    return create(stub, request, Timing.STANDARD);
  }

  static CreateCallbackResponse create(
      CallbacksServiceBlockingStub stub, CreateCallbackRequest request, Timing timing) {
    CreateCallbackRequest repeatable = repeatable(request);
    Deadline set = stub.getCallOptions().getDeadline();
    Deadline overall = set != null ? set : Deadline.after(DEFAULT_TIMEOUT_SECONDS, SECONDS);
    for (int failures = 1; ; failures++) {
      try {
        Deadline ofThisTry = Deadline.after(timing.oneTry().toNanos(), NANOSECONDS);
        return stub.withDeadline(overall.minimum(ofThisTry)).createCallback(repeatable);
      } catch (StatusRuntimeException error) {
        Optional<Duration> limit = RingbackErrors.limitOf(error);
        Duration delay = timing.delay(failures).plus(limit.orElse(Duration.ZERO));
        boolean refused = limit.isEmpty() && !REPEATED.contains(error.getStatus().getCode());
        if (refused
            || callerHasLeft(stub)
            || overall.timeRemaining(NANOSECONDS) <= delay.toNanos()) {
          throw error;
        }
        sleep(delay, error);
      }
    }
  }

  private static CreateCallbackRequest repeatable(CreateCallbackRequest request) {
    boolean named =
        !request.getRequestId().isEmpty()
            || !request.getCallbackRequest().getExternalTaskId().isEmpty();
    return named ? request : request.toBuilder().setRequestId(UUID.randomUUID().toString()).build();
  }

  /** Whether a new try would be in nobody's interest. */
  static boolean callerHasLeft(CallbacksServiceBlockingStub stub) {
    return Thread.currentThread().isInterrupted()
        || Context.current().isCancelled()
        || (stub.getChannel() instanceof ManagedChannel channel && channel.isShutdown());
  }

  private static void sleep(Duration delay, StatusRuntimeException lastError) {
    try {
      NANOSECONDS.sleep(delay.toNanos());
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw lastError;
    }
  }

  /**
   * Watches callbacks until the caller closes the watch.
   *
   * @param stub whom to call. A deadline of it does not limit the watch
   * @param request what to watch, and from where on
   * @return the watch, which calls the server when it is first iterated
   */
  public static CallbackWatch watch(
      CallbacksServiceBlockingStub stub, WatchCallbacksRequest request) {
    return new CallbackWatch(stub, request, Timing.STANDARD);
  }
}
