// Numbers as the server masks them (domain/masking.py), for a screen on which somebody looks over a shoulder.
/** ITU-T E.164: no code is the beginning of another one. */
export const COUNTRY_CODE = /^(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|[2-9][0-9]{2})/;

/** A target without what names a person: `tel:+41 78 *** ** 77`, or `sip:***@example.com`. */
export function masked(target: string): string {
  const colon = target.indexOf(":");
  const [scheme, rest] = colon < 0 ? ["", target] : [target.slice(0, colon + 1), target.slice(colon + 1)];
  if (scheme !== "sip:" && scheme !== "sips:")
    return rest ? scheme + maskedNumber(rest.split(";", 1)[0] ?? "") : target;
  const at = rest.lastIndexOf("@");
  if (at < 0) return target;
  const user = rest.slice(0, at).split(";", 1)[0] ?? "";
  const host = rest.slice(at + 1).split(/[;?]/, 1)[0] ?? "";
  return `${scheme}${/^[+\d]/.test(user) ? maskedNumber(user) : "***"}@${host}`;
}

function maskedNumber(number: string): string {
  // Masked by the server already.
  if (number.includes("*")) return number;
  const digits = number.replaceAll(/\D/g, "");
  const plus = number.startsWith("+") ? "+" : "";
  const code = plus ? (COUNTRY_CODE.exec(digits)?.[0] ?? "") : "";
  const national = digits.slice(code.length);
  const first = code && national.length >= 9 ? national.slice(0, 2) : "";
  const hidden = national.length - first.length - 2;
  if (hidden <= 2) return code ? `${plus}${code} ***` : `${plus}***`;
  return [`${plus}${code}`, first, "*".repeat(hidden), national.slice(-2)].filter(Boolean).join(" ");
}
