// The file tongdai-sip.js: it hands the page what opens a SIP line.
import { open } from "@tongdai/phone/sip.ts";

window.tongdaiSip = open;
