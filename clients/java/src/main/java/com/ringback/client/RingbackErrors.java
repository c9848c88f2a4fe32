package com.ringback.client;

import com.google.protobuf.Any;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.ringback.v1.ErrorReason;
import com.ringback.v1.FieldViolation;
import io.grpc.protobuf.StatusProto;
import java.util.List;
import java.util.stream.Stream;

/** Reads what Ringback says about a call that failed. */
public final class RingbackErrors {
  private static final String DOMAIN = "ringback.v1";

  private RingbackErrors() {}

  /**
   * Returns why a call failed.
   *
   * @param error what the call has thrown, or an exception caused by that
   * @return the reason; {@code ERROR_REASON_UNSPECIFIED} when the error does not come from Ringback
   *     itself (no connection, a deadline, a proxy), or when its reason is newer than these stubs
   */
  public static ErrorReason reasonOf(Throwable error) {
    return details(error, ErrorInfo.class)
        .filter(info -> info.getDomain().equals(DOMAIN))
        .findFirst()
        .map(info -> reasonNamed(info.getReason()))
        .orElse(ErrorReason.ERROR_REASON_UNSPECIFIED);
  }

  /**
   * Returns what is wrong with the request, field by field.
   *
   * @param error what the call has thrown, or an exception caused by that
   * @return at most 20 violations; none unless the reason is {@code ERROR_REASON_INVALID_FIELD}
   */
  public static List<FieldViolation> violationsOf(Throwable error) {
    return details(error, BadRequest.class)
        .flatMap(badRequest -> badRequest.getFieldViolationsList().stream())
        .map(
            violation ->
                FieldViolation.newBuilder()
                    .setField(violation.getField())
                    .setDescription(violation.getDescription())
                    .build())
        .toList();
  }

  private static ErrorReason reasonNamed(String name) {
    EnumValueDescriptor value = ErrorReason.getDescriptor().findValueByName("ERROR_REASON_" + name);
    return value == null ? ErrorReason.ERROR_REASON_UNSPECIFIED : ErrorReason.valueOf(value);
  }

  private static <T extends Message> Stream<T> details(Throwable error, Class<T> type) {
    com.google.rpc.Status status;
    try {
      status = StatusProto.fromThrowable(error);
    } catch (IllegalArgumentException damaged) {
      // Not written by Ringback.
      return Stream.empty();
    }
    return Stream.ofNullable(status)
        .flatMap(found -> found.getDetailsList().stream())
        .filter(detail -> detail.is(type))
        .flatMap(detail -> unpack(detail, type));
  }

  private static <T extends Message> Stream<T> unpack(Any detail, Class<T> type) {
    try {
      return Stream.of(detail.unpack(type));
    } catch (InvalidProtocolBufferException damaged) {
      return Stream.empty();
    }
  }
}
