package com.ringback.client;

import com.ringback.v1.WatchCallbacksRequest;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * How long to wait for what. There is one for everybody; tests are in more of a hurry.
 *
 * @param minHeartbeat the shortest heartbeat interval that the server keeps
 * @param firstDelay the longest wait after the first failure
 * @param maxDelay the longest wait after many failures
 * @param oneTry the deadline of one try to create a callback
 * @param renewableAfter how long a stream lives that began with valid credentials: when they end, a
 *     token file may have the next ones
 */
record Timing(
    Duration minHeartbeat,
    Duration firstDelay,
    Duration maxDelay,
    Duration oneTry,
    Duration renewableAfter) {
  static final Timing STANDARD =
      new Timing(
          Duration.ofSeconds(1),
          Duration.ofMillis(100),
          Duration.ofSeconds(5),
          Duration.ofSeconds(10),
          Duration.ofMinutes(1));

  // What the server makes of `heartbeat_interval`, as callbacks_service.proto says.
  private static final Duration DEFAULT_HEARTBEAT = Duration.ofSeconds(15);
  private static final Duration MAX_HEARTBEAT = Duration.ofSeconds(60);
  // Two intervals make a silent connection suspect; the third is for slow networks and machines.
  private static final int SILENT_INTERVALS = 3;

  /** After how much silence the stream of a watch counts as broken. */
  Duration silence(WatchCallbacksRequest request) {
    return heartbeat(request).multipliedBy(SILENT_INTERVALS);
  }

  private Duration heartbeat(WatchCallbacksRequest request) {
    if (!request.hasHeartbeatInterval()) {
      return DEFAULT_HEARTBEAT;
    }
    com.google.protobuf.Duration asked = request.getHeartbeatInterval();
    Duration heartbeat = Duration.ofSeconds(asked.getSeconds(), asked.getNanos());
    if (heartbeat.compareTo(minHeartbeat) < 0) {
      return minHeartbeat;
    }
    return heartbeat.compareTo(MAX_HEARTBEAT) > 0 ? MAX_HEARTBEAT : heartbeat;
  }

  /**
   * How long to wait before the next try: doubling, and jittered so that clients don't return in
   * step.
   *
   * @param failures how many there were in a row, 1 or more
   */
  Duration delay(int failures) {
    // The exponent is bounded too: an outage of some days would overflow.
    long doubled = firstDelay.toNanos() << Math.min(failures - 1, 16);
    long limit = Math.min(doubled, maxDelay.toNanos());
    return Duration.ofNanos(ThreadLocalRandom.current().nextLong(limit / 2, limit + 1));
  }
}
