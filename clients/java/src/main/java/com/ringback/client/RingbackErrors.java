package com.ringback.client;

import com.google.protobuf.Any;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import com.ringback.v1.Error;
import com.ringback.v1.ErrorReason;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Reads what Ringback says about a call, or an item of a batch, that failed. */
public final class RingbackErrors {
  private static final String DOMAIN = "ringback.v1";

  /** The longest wait that a server may impose: after it, another refusal costs little. */
  private static final Duration LONGEST_LIMIT = Duration.ofMinutes(1);

  private RingbackErrors() {}

  /**
   * One fault of one field of a request.
   *
   * @param field the path of the field, for example {@code callback_request.due_date}
   * @param description what is wrong with it, for people
   */
  public record Violation(String field, String description) {}

  /**
   * Returns why a call failed.
   *
   * @param error what the call has thrown, or an exception caused by that
   * @return the reason; {@code ERROR_REASON_UNSPECIFIED} when the error does not come from Ringback
   *     itself (no connection, a deadline, a proxy), or when its reason is newer than these stubs
   */
  public static ErrorReason reasonOf(Throwable error) {
    return reasonIn(detailsOf(error));
  }

  /**
   * Returns why an item of a batch failed.
   *
   * @param error the error of the item
   * @return the reason, as that of a call
   */
  public static ErrorReason reasonOf(Error error) {
    return reasonIn(error.getDetailsList());
  }

  /**
   * Returns what is wrong with the request, field by field.
   *
   * @param error what the call has thrown, or an exception caused by that
   * @return at most 20 violations; none unless the reason is {@code ERROR_REASON_INVALID_FIELD}
   */
  public static List<Violation> violationsOf(Throwable error) {
    return violationsIn(detailsOf(error));
  }

  /**
   * Returns what is wrong with an item of a batch, field by field.
   *
   * @param error the error of the item
   * @return the violations, as those of a call
   */
  public static List<Violation> violationsOf(Error error) {
    return violationsIn(error.getDetailsList());
  }

  /**
   * How long a limit of the server lasts. Empty for every other error: RESOURCE_EXHAUSTED is also
   * the code of a message that is too large.
   */
  static Optional<Duration> limitOf(Throwable error) {
    if (Status.fromThrowable(error).getCode() != Status.Code.RESOURCE_EXHAUSTED) {
      return Optional.empty();
    }
    return unpacked(detailsOf(error), RetryInfo.class)
        .findFirst()
        .map(info -> between(Duration.ZERO, info.getRetryDelay(), LONGEST_LIMIT));
  }

  private static Duration between(
      Duration least, com.google.protobuf.Duration asked, Duration most) {
    Duration duration = Duration.ofSeconds(asked.getSeconds(), asked.getNanos());
    if (duration.compareTo(least) < 0) {
      return least;
    }
    return duration.compareTo(most) > 0 ? most : duration;
  }

  private static ErrorReason reasonIn(List<Any> details) {
    return unpacked(details, ErrorInfo.class)
        .filter(info -> info.getDomain().equals(DOMAIN))
        .findFirst()
        .map(info -> reasonNamed(info.getReason()))
        .orElse(ErrorReason.ERROR_REASON_UNSPECIFIED);
  }

  private static List<Violation> violationsIn(List<Any> details) {
    return unpacked(details, BadRequest.class)
        .flatMap(badRequest -> badRequest.getFieldViolationsList().stream())
        .map(violation -> new Violation(violation.getField(), violation.getDescription()))
        .toList();
  }

  private static ErrorReason reasonNamed(String name) {
    EnumValueDescriptor value = ErrorReason.getDescriptor().findValueByName("ERROR_REASON_" + name);
    return value == null ? ErrorReason.ERROR_REASON_UNSPECIFIED : ErrorReason.valueOf(value);
  }

  private static List<Any> detailsOf(Throwable error) {
    try {
      com.google.rpc.Status status = StatusProto.fromThrowable(error);
      return status == null ? List.of() : status.getDetailsList();
    } catch (IllegalArgumentException damaged) {
      // Not written by Ringback.
      return List.of();
    }
  }

  private static <T extends Message> Stream<T> unpacked(List<Any> details, Class<T> type) {
    return details.stream()
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
