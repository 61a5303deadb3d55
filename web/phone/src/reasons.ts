// Why a call ended, by the SIP status of its refusal or the Reason of its end (RFC 3326).
import type { Reason } from "./state.ts";

const BY_STATUS: Readonly<Record<number, Reason>> = {
  403: "barred",
  404: "unknown-number",
  408: "no-answer",
  410: "unknown-number",
  480: "not-available",
  484: "unknown-number",
  486: "busy",
  487: "cancelled",
  488: "media",
  503: "not-available",
  600: "busy",
  603: "declined",
};

export function ofStatus(status: number): Reason {
  return BY_STATUS[status] ?? "failed";
}

// Of the CANCEL or BYE that ended a call: another phone took it (Q.850 cause 26), or nothing special.
export function ofHeader(header: string | undefined): Reason {
  return header && /cause=(26|200)\b/.test(header) ? "elsewhere" : "";
}
