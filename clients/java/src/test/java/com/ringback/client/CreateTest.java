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
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class CreateTest {
  private static final Duration MILLISECOND = Duration.ofMillis(1);

  /** Fails once with each of the codes (DEADLINE_EXCEEDED: does not answer), then creates. */
  private static final class Fake extends CallbacksServiceImplBase {
    final List<CreateCallbackRequest> requests = new CopyOnWriteArrayList<>();
    private final Queue<Status.Code> failures;

    Fake(Status.Code... failures) {
      this.failures = new ConcurrentLinkedQueue<>(List.of(failures));
    }

    @Override
    public void createCallback(
        CreateCallbackRequest request, StreamObserver<CreateCallbackResponse> answer) {
      requests.add(request);
      Status.Code failure = failures.poll();
      if (failure == null) {
        answer.onNext(CreateCallbackResponse.newBuilder().setCreated(true).build());
        answer.onCompleted();
      } else if (failure != Status.Code.DEADLINE_EXCEEDED) {
        answer.onError(failure.toStatus().asException());
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
    Timing hasty = new Timing(MILLISECOND, MILLISECOND, MILLISECOND, Duration.ofMillis(200));
    CreateCallbackRequest request = CreateCallbackRequest.getDefaultInstance();
    try (FakeServer server = new FakeServer(fake)) {
      assertTrue(Callbacks.create(server.stub, request, hasty).getCreated());
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
  @EnumSource(names = {"INVALID_ARGUMENT", "ALREADY_EXISTS", "RESOURCE_EXHAUSTED", "INTERNAL"})
  void tellsTheCallerWhatIsRefused(Status.Code code) throws Exception {
    assertFailsAtFirst(code, Timing.STANDARD);
  }

  @Test
  void givesUpWhenTheNextTryWouldBeTooLate() throws Exception {
    Duration hour = Duration.ofHours(1);
    assertFailsAtFirst(Status.Code.UNAVAILABLE, new Timing(hour, hour, hour, hour));
  }

  private static void assertFailsAtFirst(Status.Code code, Timing timing) throws Exception {
    Fake fake = new Fake(code);
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
