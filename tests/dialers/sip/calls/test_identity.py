"""Who calls whom: URIs, identities and headers of each leg, by the settings and by the service."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from ringback.dialers.sip.calls.identity import Identities, NoRoute
from ringback.dialers.sip.dialogs.leg_events import LegPlan
from ringback.dialers.sip.messages.digest import SipCredentials
from ringback.dialers.sip.messages.message import NameAddr
from ringback.dialers.sip.messages.uri import Uri
from ringback.dialers.sip.settings import SipSettings
from ringback.domain.target import InvalidTarget, Target
from tests.world.samples import SERVICE, new

PROXY = SipSettings(proxy="sip:sbc.example:5061;transport=tls", identity="sip:callback@example.com")
NO_PROXY = SipSettings()
HOST = "192.0.2.9:5060"
NUMBER = "tel:+41785556677"


def target(settings: SipSettings = PROXY, to: str = NUMBER, **service: Any) -> LegPlan:
    callback = new(target=to)
    return Identities(settings, HOST).target(callback, changed(SERVICE, **service), lambda _: "no")


def agent(settings: SipSettings = PROXY, to: str = NUMBER, **service: Any) -> LegPlan:
    return Identities(settings, HOST).agent(new(target=to), changed(SERVICE, **service))


def header(plan: LegPlan, name: str) -> str | None:
    return dict(plan.headers).get(name)


@pytest.mark.parametrize(
    ("number_format", "region", "number", "user"),
    [
        ("e164", "CH", "tel:+41785556677", "+41785556677"),
        ("e164", "", "tel:+41785556677;ext=12", "+41785556677;ext=12"),
        ("e164_no_plus", "CH", "tel:+41785556677", "41785556677"),
        ("national", "CH", "tel:+41785556677", "0785556677"),
        ("national", "DE", "tel:+41785556677", "0041785556677"),
        ("national", "", "tel:+41785556677", "+41785556677"),
    ],
)
def test_a_number_is_written_as_the_trunk_takes_it(number_format: str, region: str, number: str, user: str) -> None:
    plan = target(replace(PROXY, number_format=number_format), number, default_region=region)
    assert plan.uri == f"sip:{user}@sbc.example:5061;user=phone"
    assert plan.routes == ("<sip:sbc.example:5061;transport=tls;lr>",)
    assert plan.to.uri == plan.uri


@pytest.mark.parametrize(
    ("settings", "to", "uri"),
    [
        (NO_PROXY, "sip:bob@example.com", "sip:bob@example.com"),
        (NO_PROXY, "sip:bob@example.com:5070;transport=tcp", "sip:bob@example.com:5070;transport=tcp"),
        (NO_PROXY, "sips:bob@example.com", "sips:bob@example.com"),
        (NO_PROXY, "sip:[2001:db8::1]:5070", "sip:[2001:db8::1]:5070"),
        (SipSettings(transport="tcp"), "sip:bob@example.com", "sip:bob@example.com;transport=tcp"),
        (SipSettings(transport="tls"), "sip:bob@example.com;transport=udp", "sip:bob@example.com;transport=udp"),
        (SipSettings(transport="tls"), "sips:bob@example.com", "sips:bob@example.com"),
        (replace(PROXY, transport="tls"), "sip:bob@example.com", "sip:bob@example.com"),
        # RFC 3261 section 19.1.1: neither may be in a Request-URI.
        (NO_PROXY, "sip:bob@example.com;method=BYE", "sip:bob@example.com"),
        (NO_PROXY, "sip:bob@example.com?Route=sip:evil.example", "sip:bob@example.com"),
    ],
)
def test_a_sip_address_is_called_as_it_is(settings: SipSettings, to: str, uri: str) -> None:
    callback = changed(new(), dial_target=to)
    assert Identities(settings, HOST).target(callback, SERVICE, lambda _: "").uri == uri


@given(
    scheme=st.sampled_from(["sip:", "sips:", "tel:"]),
    user=st.text("ab1+*#%40;=,/?&$_.!~'()-", max_size=12),
    at=st.booleans(),
    host=st.sampled_from(["a", "a.b-c.example.", "pbx.3com", "192.0.2.1", "[2001:db8::1]", "[::ffff:192.0.2.1]"]),
    rest=st.text("ab1:;=?&%40[]/", max_size=12),
)
def test_whatever_may_be_a_target_can_be_called(scheme: str, user: str, at: bool, host: str, rest: str) -> None:
    try:
        uri = Target.parse(f"{scheme}{user}{'@' if at else ''}{host if scheme != 'tel:' else ''}{rest}").uri
    except InvalidTarget:
        return
    callback = changed(new(), dial_target=uri)
    for settings in (PROXY, replace(NO_PROXY, transport="tcp")):
        identities = Identities(settings, HOST)
        if uri.startswith("tel:") and settings.proxy is None:
            continue
        request_uri = Uri.parse(identities.target(callback, SERVICE, lambda _: "").uri)
        assert not request_uri.headers
        assert "method" not in request_uri.params
        assert NameAddr.parse(str(identities.agent(callback, SERVICE).from_)).uri


@pytest.mark.parametrize(
    ("settings", "to", "is_trusted"),
    [
        (NO_PROXY, "sip:bob@elsewhere.example", False),
        (replace(NO_PROXY, auth_realm="r"), "sip:bob@elsewhere.example", False),
        # At the agents' own PBX, at the domain of the identity, at the registrar.
        (NO_PROXY, "sip:bob@EXAMPLE.com:5070", True),
        (replace(NO_PROXY, identity="sip:us@home.example"), "sip:bob@home.example", True),
        (replace(NO_PROXY, register="sip:registrar.example"), "sip:bob@registrar.example.", True),
        (replace(NO_PROXY, identity="tel:+41445556677"), "sip:bob@elsewhere.example", False),
        (replace(NO_PROXY, proxy="sip:sbc.example"), "sip:bob@elsewhere.example", True),
        (replace(NO_PROXY, customer_proxy="sip:sbc.example"), "sip:bob@elsewhere.example", True),
        (replace(NO_PROXY, service_proxy="sip:pbx.example"), "sip:bob@elsewhere.example", False),
    ],
)
def test_a_foreign_target_gets_no_credentials(settings: SipSettings, to: str, is_trusted: bool) -> None:
    """It could have a digest made of them, and guess the password from it."""
    settings = replace(settings, username="u", password="secret")
    credentials = SipCredentials("u", "secret", settings.auth_realm)
    assert target(settings, to).credentials == (credentials if is_trusted else None)
    assert agent(settings, to).credentials == credentials


def test_a_leg_has_its_own_proxy() -> None:
    settings = replace(PROXY, service_proxy="sip:pbx.example", customer_proxy="sip:trunk.example;lr")
    assert agent(settings).routes == ("<sip:pbx.example;lr>",)
    assert target(settings).routes == ("<sip:trunk.example;lr>",)
    assert target(settings).uri == "sip:+41785556677@trunk.example;user=phone"


def test_a_proxy_without_a_transport_has_that_of_the_settings() -> None:
    assert target(SipSettings(proxy="sip:sbc.example", transport="tcp")).routes == (
        "<sip:sbc.example;transport=tcp;lr>",
    )


def test_a_number_needs_a_proxy() -> None:
    with pytest.raises(NoRoute, match="the target has a tel: address"):
        target(NO_PROXY)
    with pytest.raises(NoRoute, match="the agent has a tel: address"):
        agent(NO_PROXY, agent_address=NUMBER)


def test_only_an_address_that_others_chose_is_judged() -> None:
    assert target(PROXY).judge is None
    direct = target(NO_PROXY, "sip:bob@example.com").judge
    assert direct is not None
    assert direct("127.0.0.1") == "no"
    assert agent(NO_PROXY, "sip:bob@example.com").judge is None


# --- Who calls -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "identity", "caller"),
    [
        (NO_PROXY, "", "sip:ringback@192.0.2.9:5060"),
        (PROXY, "", "sip:callback@example.com"),
        (PROXY, "sip:support@example.com", "sip:support@example.com"),
        (PROXY, "tel:+41445556677", "sip:+41445556677@example.com;user=phone"),
        (replace(PROXY, identity=None), "tel:+41445556677", "sip:+41445556677@sbc.example;user=phone"),
        (NO_PROXY, "tel:+41445556677", "sip:+41445556677@192.0.2.9;user=phone"),
        (
            replace(PROXY, number_format="e164_no_plus"),
            "tel:+41445556677",
            "sip:41445556677@example.com;user=phone",
        ),
    ],
)
def test_the_target_sees_the_identity_of_the_service(settings: SipSettings, identity: str, caller: str) -> None:
    assert target(settings, "sip:bob@example.com", caller_line_identity=identity).from_.uri == caller


@pytest.mark.parametrize(
    ("settings", "service", "asserted"),
    [
        (PROXY, {}, None),
        (PROXY, {"caller_line_identity": "tel:+41445556677"}, "<sip:+41445556677@example.com;user=phone>"),
        (replace(PROXY, asserted_identity="sip:main@example.com"), {}, "<sip:main@example.com>"),
        # What the trunk knows the line by comes before what is shown.
        (
            replace(PROXY, asserted_identity="sip:main@example.com"),
            {"caller_line_identity": "tel:+41445556677"},
            "<sip:main@example.com>",
        ),
        (PROXY, {"caller_line_restricted": True}, "<sip:callback@example.com>"),
        # Nobody but a network that is trusted may learn it.
        (NO_PROXY, {"caller_line_restricted": True, "caller_line_identity": "tel:+41445556677"}, None),
    ],
)
def test_the_identity_that_is_asserted(settings: SipSettings, service: dict[str, Any], asserted: str | None) -> None:
    assert header(target(settings, "sip:bob@example.com", **service), "P-Asserted-Identity") == asserted


@pytest.mark.parametrize("settings", [PROXY, NO_PROXY, replace(PROXY, display_name="Support")])
def test_a_withheld_number_is_nowhere_but_in_the_assertion(settings: SipSettings) -> None:
    plan = target(settings, "sip:bob@example.com", caller_line_restricted=True, caller_line_identity="tel:+41445556677")
    assert str(plan.from_) == '"Anonymous" <sip:anonymous@anonymous.invalid>'
    assert header(plan, "Privacy") == "id"
    others = [value for name, value in plan.headers if name != "P-Asserted-Identity"]
    assert not any("445556677" in value for value in (*others, str(plan.from_), str(plan.to)))


def test_headers_of_the_settings_are_those_of_the_target_only() -> None:
    settings = replace(PROXY, headers={"X-Trunk": "7"})
    assert header(target(settings), "X-Trunk") == "7"
    assert header(agent(settings), "X-Trunk") is None


@pytest.mark.parametrize(
    ("to", "display", "uri"),
    [
        ("tel:+41785556677", "+41785556677", "sip:+41785556677@example.com;user=phone"),
        ("tel:+41785556677;ext=12", "+41785556677 ext. 12", "sip:+41785556677;ext=12@example.com;user=phone"),
        ("sip:bob@home.example", "bob@home.example", "sip:bob@example.com"),
        ("sip:home.example", "home.example", "sip:ringback@example.com"),
    ],
)
def test_the_agents_phone_shows_the_target(to: str, display: str, uri: str) -> None:
    plan = agent(to=to)
    assert (plan.from_.display, plan.from_.uri) == (display, uri)


def test_the_agents_are_called_at_their_own_address() -> None:
    assert agent().uri == SERVICE.sip_address
    assert agent(agent_address="sip:hunt@pbx.example").uri == "sip:hunt@pbx.example"


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://crm.example/a?b=c&d=%20#e;f,g!~$'()*+@[1]", "https://crm.example/a?b=c&d=%20#e;f,g!~$'()*+@[1]"),
        ("https://crm.example/Müller?q=電話", "https://crm.example/M%C3%BCller?q=%E9%9B%BB%E8%A9%B1"),
        ("https://crm.example/\u2028\u202e", "https://crm.example/%E2%80%A8%E2%80%AE"),
    ],
)
def test_a_context_url_is_sent_as_a_uri_which_has_ascii_only(url: str, sent: str) -> None:
    request = changed(new().request, context_url=url)
    plan = Identities(PROXY, HOST).agent(changed(new(), request=request), SERVICE)
    assert header(plan, "Call-Info") == f"<{sent}>;purpose=info"


def test_no_text_of_a_request_ends_a_header() -> None:
    request = changed(
        new().request, context_url='https://crm.example/"><x\r\nVia: x', description="a\r\nb", external_task_id="Ä;\r\n"
    )
    plan = Identities(PROXY, HOST).agent(changed(new(), request=request), SERVICE)
    assert header(plan, "Call-Info") == "<https://crm.example/%22%3E%3Cx%20%20Via:%20x>;purpose=info"
    assert header(plan, "Subject") == "a  b"
    assert not any(sign in value for _, value in plan.headers for sign in "\r\n")


def test_credentials_are_those_of_the_settings() -> None:
    plan = target(replace(PROXY, username="u", password="p", auth_realm="r"))
    assert plan.credentials is not None
    assert (plan.credentials.username, plan.credentials.password, plan.credentials.realm) == ("u", "p", "r")
    assert "p'" not in repr(plan.credentials)
    assert target(PROXY).credentials is None


def test_each_call_has_call_ids_of_its_own() -> None:
    plans = [plan for _ in range(10) for plan in (agent(), target())]
    assert len({plan.call_id for plan in plans}) == len(plans)
