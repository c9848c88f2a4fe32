"""How long a client waits for its next try."""

from ringback.client.backoff import delay_s


def test_delays_double_and_are_jittered() -> None:
    limits_s = {1: 0.001, 2: 0.002, 3: 0.004, 6: 0.032, 7: 0.05, 8: 0.05, 100_000: 0.05}
    for failures, limit_s in limits_s.items():
        assert limit_s / 2 <= delay_s(failures) <= limit_s
