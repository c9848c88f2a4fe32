package com.ringback.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.ringback.v1.CallbacksServiceGrpc.CallbacksServiceImplBase;
import com.ringback.v1.WatchCallbacksRequest;
import com.ringback.v1.WatchCallbacksResponse;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class CallbackWatchTest {
  private static final WatchCallbacksRequest EVERYTHING =
      WatchCallbacksRequest.getDefaultInstance();

  private static final WatchCallbacksRequest OFTEN =
      WatchCallbacksRequest.newBuilder()
          .setHeartbeatInterval(com.google.protobuf.Duration.newBuilder().setNanos(1))
          .build();

  private static final Duration MILLISECOND = Duration.ofMillis(1);

  /** Three heartbeats are 300 ms. */
  private static final Timing HASTY =
      new Timing(
          Duration.ofMillis(100), MILLISECOND, MILLISECOND, MILLISECOND, Duration.ofHours(1));

  /** Every stream answers once, with the token after the one it resumes, and then misbehaves. */
  private static final class Fake extends CallbacksServiceImplBase {
    final List<String> resumedFrom = new CopyOnWriteArrayList<>();
    final CountDownLatch cancelled = new CountDownLatch(1);
    private final Consumer<StreamObserver<WatchCallbacksResponse>> misbehaviour;

    Fake(Consumer<StreamObserver<WatchCallbacksResponse>> misbehaviour) {
      this.misbehaviour = misbehaviour;
    }

    @Override
    public void watchCallbacks(
        WatchCallbacksRequest request, StreamObserver<WatchCallbacksResponse> responses) {
      ((ServerCallStreamObserver<?>) responses).setOnCancelHandler(cancelled::countDown);
      resumedFrom.add(request.getResumeToken());
      responses.onNext(response(request.getResumeToken() + "+"));
      misbehaviour.accept(responses);
    }
  }

  private static final Consumer<StreamObserver<WatchCallbacksResponse>> FALLS_SILENT =
      responses -> {};

  private static Consumer<StreamObserver<WatchCallbacksResponse>> fails(Status.Code code) {
    return responses -> responses.onError(code.toStatus().asException());
  }

  private static WatchCallbacksResponse response(String token) {
    return WatchCallbacksResponse.newBuilder().setResumeToken(token).build();
  }

  private static void assertResumes(Fake fake) throws Exception {
    try (FakeServer server = new FakeServer(fake);
        CallbackWatch watch = new CallbackWatch(server.stub, OFTEN, HASTY)) {
      Iterator<WatchCallbacksResponse> responses = watch.iterator();
      for (String token : List.of("+", "++", "+++")) {
        assertEquals(token, responses.next().getResumeToken());
      }
    }
    assertEquals(List.of("", "+", "++"), fake.resumedFrom.stream().distinct().toList());
  }

  @ParameterizedTest
  @EnumSource(names = {"UNAVAILABLE", "CANCELLED", "INTERNAL", "UNKNOWN", "RESOURCE_EXHAUSTED"})
  void resumesAfterAnError(Status.Code code) throws Exception {
    assertResumes(new Fake(fails(code)));
  }

  @Test
  void resumesAfterAnEnd() throws Exception {
    assertResumes(new Fake(StreamObserver::onCompleted));
  }

  @Test
  void resumesAfterSilence() throws Exception {
    assertResumes(new Fake(FALLS_SILENT));
  }

  @ParameterizedTest
  @EnumSource(
      names = {
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "OUT_OF_RANGE",
        "PERMISSION_DENIED",
        "UNAUTHENTICATED",
        "UNIMPLEMENTED"
      })
  void tellsTheCallerWhatIsFinal(Status.Code code) throws Exception {
    try (FakeServer server = new FakeServer(new Fake(fails(code)));
        CallbackWatch watch = Callbacks.watch(server.stub, EVERYTHING)) {
      Iterator<WatchCallbacksResponse> responses = watch.iterator();
      responses.next();
      StatusRuntimeException error = assertThrows(StatusRuntimeException.class, responses::hasNext);
      assertEquals(code, error.getStatus().getCode());
      assertFalse(responses.hasNext());
    }
  }

  @Test
  void waitsForALimit() throws Exception {
    Duration delay = Duration.ofMillis(200);
    Fake fake =
        new Fake(
            responses ->
                responses.onError(FakeServer.limit(Status.Code.RESOURCE_EXHAUSTED, delay)));
    try (FakeServer server = new FakeServer(fake);
        CallbackWatch watch = new CallbackWatch(server.stub, EVERYTHING, HASTY)) {
      watch.iterator().next();
      long begin = System.nanoTime();
      watch.iterator().next();
      assertTrue(System.nanoTime() - begin >= delay.toNanos());
    }
  }

  @Test
  void goesOnWithTheNextTokenOnce() throws Exception {
    List<String> resumedFrom = new CopyOnWriteArrayList<>();
    CallbacksServiceImplBase fake =
        new CallbacksServiceImplBase() {
          @Override
          public void watchCallbacks(
              WatchCallbacksRequest request, StreamObserver<WatchCallbacksResponse> responses) {
            resumedFrom.add(request.getResumeToken());
            if (resumedFrom.size() <= 2) { // the token of the third stream is refused
              responses.onNext(response(request.getResumeToken() + "+"));
            }
            responses.onError(Status.UNAUTHENTICATED.asException());
          }
        };
    Timing renewing =
        new Timing(Duration.ofHours(1), MILLISECOND, MILLISECOND, MILLISECOND, Duration.ZERO);
    try (FakeServer server = new FakeServer(fake);
        CallbackWatch watch = new CallbackWatch(server.stub, EVERYTHING, renewing)) {
      Iterator<WatchCallbacksResponse> responses = watch.iterator();
      responses.next();
      responses.next();
      StatusRuntimeException error = assertThrows(StatusRuntimeException.class, responses::hasNext);
      assertEquals(Status.Code.UNAUTHENTICATED, error.getStatus().getCode());
    }
    assertEquals(List.of("", "+", "++"), resumedFrom);
  }

  @Test
  void closingCancelsTheCall() throws Exception {
    Fake fake = new Fake(FALLS_SILENT);
    try (FakeServer server = new FakeServer(fake)) {
      CallbackWatch watch = Callbacks.watch(server.stub, EVERYTHING);
      watch.iterator().next();
      CompletableFuture<Boolean> more =
          CompletableFuture.supplyAsync(() -> watch.iterator().hasNext());
      watch.close();
      fake.cancelled.await();
      assertFalse(more.get());
    }
    assertEquals(List.of(""), fake.resumedFrom);
  }

  @Test
  void endsWithTheContextOfTheCaller() throws Exception {
    Context.CancellableContext context = Context.current().withCancellation();
    try (FakeServer server = new FakeServer(new Fake(FALLS_SILENT));
        CallbackWatch watch = Callbacks.watch(server.stub, EVERYTHING)) {
      context.run(
          () -> {
            watch.iterator().next();
            context.cancel(null);
            assertThrows(StatusRuntimeException.class, watch.iterator()::hasNext);
          });
    }
  }

  @Test
  void endsWithTheChannel() throws Exception {
    try (FakeServer server = new FakeServer(new Fake(FALLS_SILENT));
        CallbackWatch watch = Callbacks.watch(server.stub, EVERYTHING)) {
      watch.iterator().next();
      server.channel.shutdownNow();
      assertThrows(StatusRuntimeException.class, watch.iterator()::hasNext);
    }
  }

  @Test
  void endsWithTheThreadOfTheCaller() throws Exception {
    try (FakeServer server = new FakeServer(new Fake(FALLS_SILENT));
        CallbackWatch watch = Callbacks.watch(server.stub, EVERYTHING)) {
      watch.iterator().next();
      Thread.currentThread().interrupt();
      StatusRuntimeException error =
          assertThrows(StatusRuntimeException.class, watch.iterator()::hasNext);
      assertEquals(Status.Code.CANCELLED, error.getStatus().getCode());
      assertTrue(Thread.interrupted());
    }
  }
}
