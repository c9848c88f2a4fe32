"""Kamailio: a proxy between Ringback and the phones, as an SBC or a trunk would be."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.world.ports import free_ports
from tests.world.sip_peers.peer import Peer

USERNAME: Final = "ringback"
PASSWORD: Final = "a,b=c d"  # what careless stacks take apart
REALM: Final = "trunk, east"

_HEAD: Final = """\
#!KAMAILIO
debug=2
log_stderror=yes
children=2
tcp_children=2
auto_aliases=no
alias="localhost"
tcp_connection_lifetime=600
mpath="{modules}"
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}
{tls_listen}
loadmodule "kex.so"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "cfgutils.so"
{tls_modules}
modparam("rr", "enable_double_rr", 1)
modparam("rr", "append_fromtag", 1)
modparam("tm", "fr_timer", 5000)
modparam("tm", "fr_inv_timer", 120000)
modparam("auth", "nonce_expire", {nonce_s})
modparam("usrloc", "db_mode", 0)
modparam("cfgutils", "initial_probability", {loss})
"""
_ROUTES: Final = """
request_route {{
    if (rand_event()) exit;
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("CANCEL")) {{ {cancel} exit; }}
    if (is_method("REGISTER")) {{
        if (!pv_www_authenticate("{realm}", "{password}", "0")) {{ www_challenge("{realm}", "1"); exit; }}
        xlog("L_WARN", "REGISTER $fU expires $hdr(Expires)\\n");
        save("location");
        exit;
    }}
    if (is_method("OPTIONS") && !has_totag()) {{ {options} sl_send_reply("200", "OK"); exit; }}
    if (!is_method("ACK|CANCEL") && {challenged}) {{
        if (!pv_proxy_authenticate("{realm}", "{password}", "0")) {{ proxy_challenge("{realm}", "1"); exit; }}
        consume_credentials();
    }}
    xlog("L_WARN", "$rm $ru over $proto from $si:$sp\\n");
    if (has_totag()) {{
        if (!loose_route()) {{ if (!is_method("ACK")) sl_send_reply("481", "No Dialog"); exit; }}
        if (is_method("INVITE")) record_route();
        {relay}
        exit;
    }}
    loose_route();
    remove_hf("Route");
    record_route();
    {numbers}
    {relay}
}}
onreply_route {{
    if (rand_event()) drop;
}}
"""
_TLS: Final = """\
[server:default]
method = TLSv1.2+
private_key = {key}
certificate = {certificate}
{client}
[client:default]
method = TLSv1.2+
verify_certificate = no
"""


@dataclass(frozen=True, kw_only=True)
class Manners:
    """What a proxy demands, and how badly it carries."""

    # "first": requests outside of a dialog need a digest, "every": all those of Ringback, "": none.
    challenges: str = ""
    # A nonce is good for this long.
    nonce_s: int = 300
    # Of a hundred messages, how many are lost on their way to it. It then keeps no state, and repeats nothing.
    loss: int = 0
    # Numbers, and the URI of the phone that each rings.
    numbers: Mapping[str, str] = field(default_factory=dict)
    # The files of a certificate and its key: with them it listens on TLS, too.
    certificate: Path | None = None
    key: Path | None = None
    # The file of the authority whose certificates clients have to present.
    client_authority: Path | None = None


class Kamailio(Peer):
    """A running proxy: UDP and TCP on `port`, TLS on `tls_port`."""

    def __init__(self, folder: Path) -> None:
        super().__init__("Kamailio", folder)
        self.port, self.tls_port = free_ports(2)

    def uri(self, transport: str = "udp", host: str = "127.0.0.1") -> str:
        port = self.tls_port if transport == "tls" else self.port
        return f"sip:{host}:{port};transport={transport}"

    async def carry(self, manners: Manners) -> None:
        """Start it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "kamailio.cfg"
        path.write_text(self._configuration(manners))
        await self.start("kamailio", "-f", str(path), "-DD", "-E", "-m", "32", "-M", "8", "-w", str(self.folder))
        await self.bound("udp", self.port)
        await self.bound("tcp", self.port)
        if manners.certificate:
            await self.bound("tcp", self.tls_port)

    def _configuration(self, manners: Manners) -> str:
        tls_listen = tls_modules = ""
        if manners.certificate:
            client = f"verify_certificate = yes\nrequire_certificate = yes\nca_list = {manners.client_authority}"
            (self.folder / "tls.cfg").write_text(
                _TLS.format(
                    key=manners.key, certificate=manners.certificate, client=client if manners.client_authority else ""
                )
            )
            tls_listen = f"enable_tls=yes\nlisten=tls:127.0.0.1:{self.tls_port}"
            tls_modules = f'loadmodule "tls.so"\nmodparam("tls", "config", "{self.folder / "tls.cfg"}")'
        [modules] = Path("/usr/lib").glob("*/kamailio/modules")
        challenge = (
            f'if (!pv_proxy_authenticate("{REALM}", "{PASSWORD}", "0")) {{ proxy_challenge("{REALM}", "1"); exit; }}'
        )
        return _HEAD.format(
            modules=modules,
            port=self.port,
            tls_listen=tls_listen,
            tls_modules=tls_modules,
            nonce_s=manners.nonce_s,
            loss=manners.loss,
        ) + _ROUTES.format(
            realm=REALM,
            password=PASSWORD,
            options=challenge if manners.challenges else "",
            challenged={"": "0", "first": "!has_totag()", "every": '$ua =~ "ringback"'}[manners.challenges],
            cancel="forward();" if manners.loss else "if (t_check_trans()) t_relay();",
            relay="forward();" if manners.loss else 'if (!t_relay()) sl_send_reply("500", "Cannot Relay");',
            numbers="\n    ".join(f'if ($rU == "{number}") $ru = "{uri}";' for number, uri in manners.numbers.items()),
        )


@asynccontextmanager
async def kamailio(folder: Path, **manners: object) -> AsyncIterator[Kamailio]:
    """Run a proxy; it is gone when the block ends."""
    proxy = Kamailio(folder / "kamailio")
    try:
        await proxy.carry(Manners(**manners))  # type: ignore[arg-type]
        yield proxy
    finally:
        await proxy.stop()
