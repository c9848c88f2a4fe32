package com.ringback.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.ringback.v1.WatchCallbacksRequest;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TimingTest {
  @ParameterizedTest
  @CsvSource({"1, 100", "2, 200", "3, 400", "6, 3200", "7, 5000", "1000000, 5000"})
  void delaysDoubleAndAreJittered(int failures, long limitMillis) {
    long millis = Timing.STANDARD.delay(failures).toMillis();
    assertTrue(limitMillis / 2 <= millis && millis <= limitMillis, () -> millis + " ms");
  }

  @ParameterizedTest
  @CsvSource({"-1, 3", "0, 3", "5, 15", "3600, 180"})
  void threeHeartbeatsAreSilence(long askedSeconds, long silenceSeconds) {
    WatchCallbacksRequest.Builder request = WatchCallbacksRequest.newBuilder();
    request.getHeartbeatIntervalBuilder().setSeconds(askedSeconds);
    assertEquals(Duration.ofSeconds(silenceSeconds), Timing.STANDARD.silence(request.build()));
  }

  @Test
  void threeDefaultHeartbeatsAreSilence() {
    assertEquals(
        Duration.ofSeconds(45),
        Timing.STANDARD.silence(WatchCallbacksRequest.getDefaultInstance()));
  }
}
