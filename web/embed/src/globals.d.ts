import type { OpenSip } from "@tongdai/phone/phone.ts";
import type { Tongdai } from "./tongdai.ts";

declare global {
  const __VERSION__: string;
  interface Window {
    tongdai: Tongdai;
    tongdaiSip?: OpenSip; // once tongdai-sip.js is loaded
  }
}
