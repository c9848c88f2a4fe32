// Final SIP responses (RFC 3261, section 21, and the registry of IANA) and ITU-T Q.850 causes, in words.

const STATUS: Readonly<Record<number, string>> = {
  200: "OK",
  300: "Multiple Choices",
  301: "Moved Permanently",
  302: "Moved Temporarily",
  305: "Use Proxy",
  380: "Alternative Service",
  400: "Bad Request",
  401: "Unauthorized",
  402: "Payment Required",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  407: "Proxy Authentication Required",
  408: "Request Timeout",
  410: "Gone",
  413: "Request Entity Too Large",
  415: "Unsupported Media Type",
  416: "Unsupported URI Scheme",
  420: "Bad Extension",
  422: "Session Interval Too Small",
  423: "Interval Too Brief",
  433: "Anonymity Disallowed",
  480: "Temporarily Unavailable",
  481: "Call/Transaction Does Not Exist",
  482: "Loop Detected",
  483: "Too Many Hops",
  484: "Address Incomplete",
  485: "Ambiguous",
  486: "Busy Here",
  487: "Request Terminated",
  488: "Not Acceptable Here",
  491: "Request Pending",
  493: "Undecipherable",
  500: "Server Internal Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Server Time-out",
  505: "Version Not Supported",
  513: "Message Too Large",
  600: "Busy Everywhere",
  603: "Decline",
  604: "Does Not Exist Anywhere",
  606: "Not Acceptable",
  607: "Unwanted",
  608: "Rejected",
};

const CAUSE: Readonly<Record<number, string>> = {
  1: "unallocated number",
  2: "no route to transit network",
  3: "no route to destination",
  6: "channel unacceptable",
  16: "normal call clearing",
  17: "user busy",
  18: "no user responding",
  19: "no answer from user",
  20: "subscriber absent",
  21: "call rejected",
  22: "number changed",
  26: "non-selected user clearing",
  27: "destination out of order",
  28: "invalid number format",
  29: "facility rejected",
  31: "normal, unspecified",
  34: "no circuit available",
  38: "network out of order",
  41: "temporary failure",
  42: "switching equipment congestion",
  43: "access information discarded",
  44: "requested circuit not available",
  47: "resource unavailable",
  50: "facility not subscribed",
  55: "incoming calls barred",
  57: "bearer capability not authorized",
  58: "bearer capability not available",
  63: "service not available",
  65: "bearer capability not implemented",
  79: "service not implemented",
  88: "incompatible destination",
  95: "invalid message",
  96: "mandatory information missing",
  97: "message type not implemented",
  99: "information element not implemented",
  100: "invalid information element",
  101: "message not compatible with state",
  102: "recovery on timer expiry",
  111: "protocol error",
  127: "interworking, unspecified",
};

/** Return "486 Busy Here"; the number alone where it has no name, and "" for 0, which is: not known. */
export function sipStatusWords(status: number): string {
  if (status === 0) return "";
  const name = STATUS[status];
  return name === undefined ? `SIP ${String(status)}` : `${String(status)} ${name}`;
}

/** Return "Q.850 17 user busy"; the number alone where it has no name, and "" for 0, which is: not known. */
export function q850Words(cause: number): string {
  if (cause === 0) return "";
  const name = CAUSE[cause];
  return name === undefined ? `Q.850 ${String(cause)}` : `Q.850 ${String(cause)} ${name}`;
}
