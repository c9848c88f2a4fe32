package com.ringback.client;

import static com.ringback.v1.ErrorReason.ERROR_REASON_UNSPECIFIED;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.ringback.v1.CallbackRequest;
import com.ringback.v1.CallbacksServiceGrpc.CallbacksServiceImplBase;
import com.ringback.v1.CreateCallbackRequest;
import com.ringback.v1.CreateCallbackResponse;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class CreateTest {
  private static final Duration MILLISECOND = Duration.ofMillis(1);

  private static final Duration HOUR = Duration.ofHours(1);

  private static final Timing HASTY =
      new Timing(MILLISECOND, MILLISECOND, MILLISECOND, Duration.ofMillis(200), HOUR);

  /** Fails once with each of these (DEADLINE_EXCEEDED: does not answer), then creates. */
  private static final class Fake extends CallbacksServiceImplBase {
    final List<CreateCallbackRequest> requests = new CopyOnWriteArrayList<>();
    private final Queue<StatusRuntimeException> failures;

    Fake(Status.Code... failures) {
      this(Stream.of(failures).map(code -> code.toStatus().asRuntimeException()).toList());
    }

    Fake(List<StatusRuntimeException> failures) {
      this.failures = new ConcurrentLinkedQueue<>(failures);
    }

    @Override
    public void createCallback(
        CreateCallbackRequest request, StreamObserver<CreateCallbackResponse> answer) {
      requests.add(request);
      StatusRuntimeException failure = failures.poll();
      if (failure == null) {
        answer.onNext(CreateCallbackResponse.newBuilder().setCreated(true).build());
        answer.onCompleted();
      } else if (failure.getStatus().getCode() != Status.Code.DEADLINE_EXCEEDED) {
        answer.onError(failure);
      }
    }
  }

  @Test
  void repeatsTheSameRequest() throws Exception {
    Fake fake =
        new Fake(
            Status.Code.UNAVAILABLE,
            Status.Code.CANCELLED,
            Status.Code.UNKNOWN,
            Status.Code.DEADLINE_EXCEEDED);
    CreateCallbackRequest request = CreateCallbackRequest.getDefaultInstance();
    try (FakeServer server = new FakeServer(fake)) {
      assertTrue(Callbacks.create(server.stub, request, HASTY).getCreated());
    }
    String requestId = fake.requests.get(0).getRequestId();
    assertEquals(requestId, UUID.fromString(requestId).toString());
    for (CreateCallbackRequest sent : fake.requests) {
      assertEquals(request.toBuilder().setRequestId(requestId).build(), sent);
    }
    assertTrue(fake.failures.isEmpty());
  }

  @Test
  void leavesIdsAlone() throws Exception {
    CreateCallbackRequest requestId =
        CreateCallbackRequest.newBuilder().setRequestId("mine").build();
    CreateCallbackRequest externalTaskId =
        CreateCallbackRequest.newBuilder()
            .setCallbackRequest(CallbackRequest.newBuilder().setExternalTaskId("4711"))
            .build();
    Fake fake = new Fake();
    try (FakeServer server = new FakeServer(fake)) {
      Callbacks.create(server.stub, requestId);
      Callbacks.create(server.stub, externalTaskId);
    }
    assertEquals(List.of(requestId, externalTaskId), fake.requests);
  }

  @ParameterizedTest
  @EnumSource(
      names = {
        "INVALID_ARGUMENT",
        "ALREADY_EXISTS",
        "UNAUTHENTICATED",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED", // not of a limit: a message that is too large
        "INTERNAL"
      })
  void tellsTheCallerWhatIsRefused(Status.Code code) throws Exception {
    assertFailsAtFirst(code, Timing.STANDARD);
  }

  @Test
  void givesUpWhenTheNextTryWouldBeTooLate() throws Exception {
    assertFailsAtFirst(Status.Code.UNAVAILABLE, new Timing(HOUR, HOUR, HOUR, HOUR, HOUR));
  }

  @Test
  void repeatsWhatALimitRefusesWhenItAllowsThat() throws Exception {
    StatusRuntimeException limit = FakeServer.limit(Status.Code.RESOURCE_EXHAUSTED, MILLISECOND);
    Fake fake = new Fake(List.of(limit, limit));
    try (FakeServer server = new FakeServer(fake)) {
      CreateCallbackRequest request = CreateCallbackRequest.getDefaultInstance();
      assertTrue(Callbacks.create(server.stub, request, HASTY).getCreated());
    }
    assertEquals(3, fake.requests.size());
    assertEquals(fake.requests.get(0), fake.requests.get(2));
  }

  @Test
  void doesNotWaitForALimitThatOutlastsIt() throws Exception {
    Fake fake = new Fake(List.of(FakeServer.limit(Status.Code.RESOURCE_EXHAUSTED, HOUR)));
    assertFailsAtFirst(fake, Status.Code.RESOURCE_EXHAUSTED, Timing.STANDARD);
  }

  @Test
  void aLimitLastsAsLongAsTheServerSaysAndNeverLong() {
    Duration seconds = Duration.ofMillis(7500);
    Function<Duration, Optional<Duration>> limitOf =
        delay -> RingbackErrors.limitOf(FakeServer.limit(Status.Code.RESOURCE_EXHAUSTED, delay));
    assertEquals(Optional.of(seconds), limitOf.apply(seconds));
    assertEquals(Optional.of(Duration.ZERO), limitOf.apply(Duration.ofSeconds(-5)));
    assertEquals(Optional.of(Duration.ofMinutes(1)), limitOf.apply(HOUR));
    assertEquals(
        Optional.empty(),
        RingbackErrors.limitOf(FakeServer.limit(Status.Code.UNAVAILABLE, seconds)));
  }

  private static void assertFailsAtFirst(Status.Code code, Timing timing) throws Exception {
    assertFailsAtFirst(new Fake(code), code, timing);
  }

  private static void assertFailsAtFirst(Fake fake, Status.Code code, Timing timing)
      throws Exception {
    try (FakeServer server = new FakeServer(fake)) {
      StatusRuntimeException error =
          assertThrows(
              StatusRuntimeException.class,
              () ->
                  Callbacks.create(
                      server.stub, CreateCallbackRequest.getDefaultInstance(), timing));
      assertEquals(code, error.getStatus().getCode());
      assertEquals(ERROR_REASON_UNSPECIFIED, RingbackErrors.reasonOf(error));
    }
    assertEquals(1, fake.requests.size());
  }
}
