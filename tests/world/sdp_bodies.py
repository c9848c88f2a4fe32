"""Session descriptions as real programs send them."""

BARESIP = """v=0
o=- 3873452313 1 IN IP4 192.0.2.10
s=-
c=IN IP4 192.0.2.10
t=0 0
a=tool:baresip 1.0.0
m=audio 16384 RTP/AVP 8 0 101
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=rtcp:16385 IN IP4 192.0.2.10
a=inactive
a=label:1
a=rtcp-rsize
a=ssrc:1427452043 cname:sip:agent@192.0.2.10
a=ptime:20
"""

TWINKLE = """v=0
o=twinkle 1087545461 1435647212 IN IP4 192.0.2.11
s=-
c=IN IP4 192.0.2.11
t=0 0
m=audio 8000 RTP/AVP 8 0 3 101
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:3 GSM/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
"""

SIPP = """v=0
o=user1 53655765 2353687637 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio 6000 RTP/AVP 0
a=rtpmap:0 PCMU/8000
"""

ASTERISK = """v=0
o=- 1107 1107 IN IP4 192.0.2.12
s=Asterisk
c=IN IP4 192.0.2.12
t=0 0
m=audio 11782 RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=maxptime:150
a=sendrecv
"""

# Behind Kamailio: several streams, ICE, bandwidth, and lines of which nobody here has heard.
RTPENGINE = """v=0
o=root 2107 2108 IN IP4 192.0.2.13
s=call
i=a call
b=CT:384
t=0 0
a=x-unknown:1
m=audio 30000 RTP/SAVP 8 0 101
c=IN IP4 192.0.2.14
b=AS:64
a=rtpmap:101 telephone-event/8000
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20
a=sendonly
a=rtcp:30001
a=ice-ufrag:8hhY
a=ice-pwd:asd88fgpdd777uzjYhagZg
a=candidate:1 1 UDP 2130706431 192.0.2.14 30000 typ host
m=video 0 RTP/AVP 31
y=odd
m=image 30004 udptl t38
c=IN IP6 2001:db8::4
a=T38FaxVersion:0
"""

HELD_AS_BEFORE_3264 = ASTERISK.replace("c=IN IP4 192.0.2.12", "c=IN IP4 0.0.0.0")

ALL = {
    "baresip": BARESIP,
    "twinkle": TWINKLE,
    "sipp": SIPP,
    "asterisk": ASTERISK,
    "rtpengine": RTPENGINE,
    "held": HELD_AS_BEFORE_3264,
}
