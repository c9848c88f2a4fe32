package com.ringback.client;

import static java.util.concurrent.TimeUnit.NANOSECONDS;

import com.ringback.v1.CallbacksServiceGrpc;
import com.ringback.v1.CallbacksServiceGrpc.CallbacksServiceBlockingStub;
import com.ringback.v1.WatchCallbacksRequest;
import com.ringback.v1.WatchCallbacksResponse;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.BlockingClientCall;
import io.grpc.stub.ClientCalls;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeoutException;

/**
 * The changes of callbacks, for as long as the caller iterates, over broken connections and
 * restarts of the server. Made by {@link Callbacks#watch}.
 *
 * <p>Each new stream continues after the last response that the caller has finished with, which is
 * when the next one is asked for. So nothing is missed; the last events may come twice, and the
 * larger {@code revision} wins. A stream that has been silent for three heartbeat intervals counts
 * as broken.
 *
 * <p>The server ends a stream with the credentials that opened it. After a minute or more a new one
 * is tried, once, since a token file may have the next token.
 *
 * <p>Iterating waits, and ends when the watch is closed. It throws {@link StatusRuntimeException}
 * when the server refuses the watch for good, for example with RESUME_TOKEN_EXPIRED,
 * CREDENTIALS_INVALID or NOT_ALLOWED, and when the caller's thread is interrupted, its {@link
 * Context} cancelled or the channel shut down.
 *
 * <p>One thread may iterate; any thread may close.
 */
public final class CallbackWatch implements Iterable<WatchCallbacksResponse>, AutoCloseable {
  private static final System.Logger LOG = System.getLogger(CallbackWatch.class.getName());

  /** The same request would only be refused again. */
  private static final Set<Status.Code> FINAL =
      Set.of(
          Status.Code.INVALID_ARGUMENT,
          Status.Code.NOT_FOUND,
          Status.Code.OUT_OF_RANGE,
          Status.Code.PERMISSION_DENIED,
          Status.Code.UNAUTHENTICATED,
          Status.Code.UNIMPLEMENTED);

  private final CallbacksServiceBlockingStub stub;
  private final Timing timing;
  private final Iterator<WatchCallbacksResponse> responses = new Responses();
  private final CountDownLatch closed = new CountDownLatch(1);

  /** The request of the next stream. */
  private WatchCallbacksRequest request;

  /** The open stream, or null. */
  private volatile BlockingClientCall<?, WatchCallbacksResponse> stream;

  /** When the first response of the open stream came, by {@link System#nanoTime}; or null. */
  private Long answered;

  private int failures;

  CallbackWatch(CallbacksServiceBlockingStub stub, WatchCallbacksRequest request, Timing timing) {
    this.stub = stub;
    this.request = request;
    this.timing = timing;
  }

  /**
   * Returns the responses, from where the last iteration has stopped.
   *
   * @return the only iterator there is
   */
  @Override
  public Iterator<WatchCallbacksResponse> iterator() {
    return responses;
  }

  /** Stops watching and cancels the call. A thread that waits for the next response gets none. */
  @Override
  public void close() {
    closed.countDown();
    hangUp();
  }

  private final class Responses implements Iterator<WatchCallbacksResponse> {
    private WatchCallbacksResponse next;

    @Override
    public boolean hasNext() {
      if (next == null) {
        next = take();
      }
      return next != null;
    }

    @Override
    public WatchCallbacksResponse next() {
      if (!hasNext()) {
        throw new NoSuchElementException("the watch was closed");
      }
      WatchCallbacksResponse response = next;
      next = null;
      request = request.toBuilder().setResumeToken(response.getResumeToken()).build();
      return response;
    }
  }

  /** Waits for the next response, on as many streams as it takes. Null: the watch was closed. */
  private WatchCallbacksResponse take() {
    try {
      while (!isClosed()) {
        try {
          WatchCallbacksResponse response = read();
          if (response != null) {
            return response;
          }
          resume(
              answered != null ? null : "the stream ended before its first response",
              Duration.ZERO);
        } catch (TimeoutException silence) {
          resume("nothing heard for three heartbeat intervals", Duration.ZERO);
        } catch (StatusException error) {
          throwIfFinal(error);
          resume(error.getMessage(), RingbackErrors.limitOf(error).orElse(Duration.ZERO));
        }
      }
      return null;
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      close();
      throw Status.CANCELLED
          .withDescription("interrupted")
          .withCause(interrupt)
          .asRuntimeException();
    }
  }

  /** Waits for the next response of this stream. Null: it has ended with OK. */
  private WatchCallbacksResponse read()
      throws InterruptedException, StatusException, TimeoutException {
    if (stream == null) {
      answered = null;
      stream =
          ClientCalls.blockingV2ServerStreamingCall(
              stub.getChannel(),
              CallbacksServiceGrpc.getWatchCallbacksMethod(),
              stub.getCallOptions().withDeadline(null),
              request);
      if (isClosed()) {
        // In this moment: close() may not have seen the new stream.
        hangUp();
      }
    }
    WatchCallbacksResponse response = stream.read(timing.silence(request).toNanos(), NANOSECONDS);
    if (response != null) {
      if (answered == null) {
        answered = System.nanoTime();
      }
      failures = 0;
    }
    return response;
  }

  private void throwIfFinal(StatusException error) {
    Status.Code code = error.getStatus().getCode();
    boolean refused = FINAL.contains(code) && !isRenewable(code);
    if (!isClosed() && (refused || Callbacks.callerHasLeft(stub))) {
      close();
      throw error.getStatus().asRuntimeException(error.getTrailers());
    }
  }

  /** Whether the credentials ended so long after they were accepted that there may be new ones. */
  private boolean isRenewable(Status.Code code) {
    return code == Status.Code.UNAUTHENTICATED
        && answered != null
        && System.nanoTime() - answered >= timing.renewableAfter().toNanos();
  }

  /**
   * Prepares for the next stream: at once without a fault, else after a while, which is longer when
   * a limit of the server lasts.
   */
  private void resume(String fault, Duration limit) throws InterruptedException {
    hangUp();
    stream = null;
    if (fault != null && !isClosed()) {
      failures++;
      // One line for each outage, however long it lasts.
      Level level = failures == 1 ? Level.WARNING : Level.DEBUG;
      LOG.log(level, "watch interrupted, resuming: {0}", fault);
      Duration delay = timing.delay(failures).plus(limit);
      closed.await(delay.toNanos(), NANOSECONDS);
    }
  }

  private boolean isClosed() {
    return closed.getCount() == 0;
  }

  private void hangUp() {
    BlockingClientCall<?, ?> open = stream;
    if (open != null) {
      open.cancel("the client has stopped listening", null);
    }
  }
}
