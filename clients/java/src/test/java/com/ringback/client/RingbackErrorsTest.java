package com.ringback.client;

import static com.ringback.v1.ErrorReason.ERROR_REASON_INVALID_FIELD;
import static com.ringback.v1.ErrorReason.ERROR_REASON_UNSPECIFIED;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.protobuf.Any;
import com.google.protobuf.Message;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.ringback.client.RingbackErrors.Violation;
import com.ringback.v1.Error;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.protobuf.StatusProto;
import java.util.List;
import org.junit.jupiter.api.Test;

class RingbackErrorsTest {
  private static final BadRequest BAD_REQUEST =
      BadRequest.newBuilder()
          .addFieldViolations(
              BadRequest.FieldViolation.newBuilder()
                  .setField("callback_request.target")
                  .setDescription("is required"))
          .build();
  private static final List<Violation> VIOLATIONS =
      List.of(new Violation("callback_request.target", "is required"));

  private static StatusException refusal(Message... details) {
    com.google.rpc.Status.Builder status =
        com.google.rpc.Status.newBuilder().setCode(Status.Code.INVALID_ARGUMENT.value());
    for (Message detail : details) {
      status.addDetails(Any.pack(detail));
    }
    return StatusProto.toStatusException(status.build());
  }

  private static ErrorInfo info(String domain, String reason) {
    return ErrorInfo.newBuilder().setDomain(domain).setReason(reason).build();
  }

  @Test
  void theReasonAndTheViolations() {
    Throwable error =
        new RuntimeException(refusal(info("ringback.v1", "INVALID_FIELD"), BAD_REQUEST));
    assertEquals(ERROR_REASON_INVALID_FIELD, RingbackErrors.reasonOf(error));
    assertEquals(VIOLATIONS, RingbackErrors.violationsOf(error));
  }

  @Test
  void theErrorOfBatchItemIsReadAsThatOfCall() {
    Error error =
        Error.newBuilder()
            .setCode(Status.Code.INVALID_ARGUMENT.value())
            .addDetails(Any.pack(info("ringback.v1", "INVALID_FIELD")))
            .addDetails(Any.pack(BAD_REQUEST))
            .build();
    assertEquals(ERROR_REASON_INVALID_FIELD, RingbackErrors.reasonOf(error));
    assertEquals(VIOLATIONS, RingbackErrors.violationsOf(error));
    Error none = Error.getDefaultInstance();
    assertEquals(ERROR_REASON_UNSPECIFIED, RingbackErrors.reasonOf(none));
    assertEquals(List.of(), RingbackErrors.violationsOf(none));
  }

  @Test
  void errorsOfOthersHaveNoReason() {
    Metadata.Key<byte[]> key =
        Metadata.Key.of("grpc-status-details-bin", Metadata.BINARY_BYTE_MARSHALLER);
    Metadata damaged = new Metadata();
    damaged.put(key, new byte[] {1, 2, 3});
    List<Exception> errors =
        List.of(
            refusal(info("proxy.example", "INVALID_FIELD")),
            refusal(info("ringback.v1", "NEWER_THAN_THESE_STUBS")),
            refusal(),
            Status.UNAVAILABLE.asException(),
            Status.UNKNOWN.asException(damaged),
            new IllegalStateException());
    for (Exception error : errors) {
      assertEquals(ERROR_REASON_UNSPECIFIED, RingbackErrors.reasonOf(error));
      assertEquals(List.of(), RingbackErrors.violationsOf(error));
    }
  }
}
