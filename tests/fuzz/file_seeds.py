"""Files that are right, of each kind that operators write, with about every key that they may have."""

from typing import Final

ACCESS: Final = """
identities:
  crm:
    tokens_sha256: [2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae]
    certificates: [crm.example, "spiffe://cc.example/crm"]
    grants:
      - {role: caller, caller_ids: [crm, web], services: ["sip:support@cc.example"]}
    limits: {creates_per_s: 50, open_callbacks: 1000, watches: 5, polls: 10, connections: 20}
  board:
    subjects: [board]
    grants:
      - {role: viewer, services: ["*"], numbers: masked}
      - {role: dialer, services: ["*"]}
  ops:
    tokens_sha256: [fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9]
    grants: [{role: operator}]
jwt:
  jwks: keys.json
  issuer: https://login.example
  audience: ringback
  identity_claim: sub
limits:
  default: {creates_per_s: 200, polls: 50}
  identities:
    board: {watches: 3}
"""

# The base point of the curve, which is as good a public key as any.
KEYS: Final = """
{"keys": [{"kty": "EC", "crv": "P-256", "kid": "1", "alg": "ES256", "use": "sig",
           "x": "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY", "y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}]}
"""

LIMITS: Final = """
default: {creates_per_s: 50, open_callbacks: 1000, watches: 5, polls: 10, connections: 20}
identities:
  crm: {creates_per_s: 0.5, watches: 3}
  "10.0.0.1": {connections: 2}
"""

DIAL_RULES: Final = """
phone: {allow: ["+41", "+43"], deny: ["+4190"], deny_kinds: [premium_rate, satellite]}
sip: {allow_hosts: [gw.example, "*.example", "[::1]", 10.0.0.0/8], deny_hosts: [loopback, private]}
attempts_per_number_and_day: 20
quiet_hours: {from: "21:00", to: "08:00", zone: Europe/Zurich}
min_seconds_between_retries: {busy: 30, no_answer: 60}
"""

SERVICES: Final = """
- sip_address: sip:support@cc.example
  display_name: Support
  max_concurrent_calls: 3
  paused: false
  default_max_retries: 3
  ring_timeout: 30s
  max_queue_time: 2h
  time_zone: Europe/Zurich
  opening_hours:
    mon-fri: 08:00-12:00, 13:00-18:00
    sat: ["09:00-12:00"]
  closed_dates: ["2030-12-25", "2031-01-01"]
  retry_rules:
    busy: {min_delay: 2m, max_retries: 5}
    declined: {retry: no}
  first_leg: agent
  priority_weights: [64, 32, 16, 8, 4, 2, 1]
  same_target_policy: refuse
  agent_address: sip:agents@cc.example
  max_call_duration: 1h30m
  caller_line_identity: tel:+41443334455
  caller_line_restricted: yes
  default_region: CH
  keep_ended: 7d
  dial_rules:
    phone: {allow: ["+41"], deny: ["+4190"], deny_kinds: [premium_rate]}
    sip: {allow_hosts: [gw.example], deny_hosts: [private]}
    attempts_per_number_and_day: 5
    quiet_hours: {from: "20:00", to: "09:00", zone: target}
- service_id: 123e4567-e89b-12d3-a456-426614174000
  sip_address: sip:sales@cc.example
"""

CONFIG: Final = """
listen: 127.0.0.1:50051
database: sqlite:///ringback.db
dialer: sip
log_level: info
log_format: json
insecure: no
reflection: yes
lame_duck: 2s
keep_ended_days: 30
keep_events_hours: 24
simulated_ring: 0.5
simulated_talk: 1
http: 127.0.0.1:8080
http_host: cc.example
services:
  - sip_address: sip:support@cc.example
    ring_timeout: 30s
sip:
  listen: 127.0.0.1:5060
  transport: udp
  proxy: sip:sbc.example;lr
  identity: sip:callback@cc.example
  headers: {X-Queue: callback}
  codecs: PCMA,PCMU,telephone-event
  max_concurrent_calls: 20
  calls_per_second: 2
  max_call_duration: 2h
"""
