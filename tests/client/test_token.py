"""Tokens that cannot be sent."""

import pytest

from ringback.client import insecure_channel, secure_channel


@pytest.mark.parametrize("token", ["", " ", "a-secret\nx-admin: 1", "two secrets", "a-secr\u00e9t"])
def test_a_token_that_cannot_be_sent_is_refused_and_not_repeated(token: str) -> None:
    for opening in (insecure_channel, secure_channel):
        with pytest.raises(ValueError, match="token") as caught:
            opening("localhost:50051", token=token)
        assert "secr" not in str(caught.value)
