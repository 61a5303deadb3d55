// What the phone says, in English and Vietnamese.
import type { Problem, Reason } from "./state.ts";

export type Language = "en" | "vi";

const EN = {
  dialHere: "Number to call",
  call: "Call",
  answer: "Answer",
  decline: "Decline",
  hangUp: "Hang up",
  hold: "Hold",
  resume: "Resume",
  mute: "Mute",
  unmute: "Unmute",
  keypad: "Keypad",
  transfer: "Transfer",
  transferNow: "Transfer now",
  askFirst: "Ask first",
  connect: "Connect both",
  transferTo: "Transfer to",
  incoming: "Incoming call",
  waiting: "Another call",
  dialing: "Dialling…",
  ringing: "Ringing…",
  onHold: "On hold",
  heldByThem: "The other side put you on hold",
  muted: "Muted",
  repairing: "Audio interrupted, reconnecting…",
  transferring: "Transferring…",
  transferFailed: "The transfer failed; the call is still yours",
  openCrm: "Open in CRM",
  history: "Recent calls",
  noHistory: "No calls yet",
  settings: "Audio",
  microphone: "Microphone",
  speaker: "Speaker",
  standard: "Browser's choice",
  notify: "Notify me when this tab is in the background",
  retry: "Try again",
  signIn: "Sign in",
  username: "User name",
  password: "Password",
  extension: "Extension",
  phone: "Phone",
  close: "Close",
  otherTab: "The phone is in another tab of this browser",
  leaving: "A call is going on.",
  ready: "Ready",
  connecting: "Connecting…",
  lost: "Connection lost, reconnecting. A call goes on meanwhile.",
  off: "Off",
  refused: "Not registered",
  good: "Good connection",
  fair: "Fair connection",
  poor: "Poor connection",
  silent: "Nothing is heard",
  missed: "Missed",
};
export type Key = keyof typeof EN;

const VI: Record<Key, string> = {
  dialHere: "Số cần gọi",
  call: "Gọi",
  answer: "Nghe máy",
  decline: "Từ chối",
  hangUp: "Gác máy",
  hold: "Giữ máy",
  resume: "Tiếp tục",
  mute: "Tắt mic",
  unmute: "Bật mic",
  keypad: "Bàn phím",
  transfer: "Chuyển máy",
  transferNow: "Chuyển ngay",
  askFirst: "Hỏi trước",
  connect: "Nối hai bên",
  transferTo: "Chuyển đến",
  incoming: "Cuộc gọi đến",
  waiting: "Có cuộc gọi khác",
  dialing: "Đang gọi…",
  ringing: "Đang đổ chuông…",
  onHold: "Đang giữ máy",
  heldByThem: "Bên kia đang giữ máy",
  muted: "Đã tắt mic",
  repairing: "Mất tiếng, đang kết nối lại…",
  transferring: "Đang chuyển máy…",
  transferFailed: "Chuyển máy không thành công, cuộc gọi vẫn ở bạn",
  openCrm: "Mở trong CRM",
  history: "Cuộc gọi gần đây",
  noHistory: "Chưa có cuộc gọi",
  settings: "Âm thanh",
  microphone: "Micro",
  speaker: "Loa",
  standard: "Theo trình duyệt",
  notify: "Báo cho tôi khi tab này chạy nền",
  retry: "Thử lại",
  signIn: "Đăng nhập",
  username: "Tài khoản",
  password: "Mật khẩu",
  extension: "Máy nhánh",
  phone: "Điện thoại",
  close: "Đóng",
  otherTab: "Điện thoại đang chạy ở một tab khác của trình duyệt này",
  leaving: "Đang có cuộc gọi.",
  ready: "Sẵn sàng",
  connecting: "Đang kết nối…",
  lost: "Mất kết nối, đang kết nối lại. Cuộc gọi vẫn được giữ.",
  off: "Đang tắt",
  refused: "Chưa đăng ký",
  good: "Kết nối tốt",
  fair: "Kết nối trung bình",
  poor: "Kết nối kém",
  silent: "Không nghe thấy gì",
  missed: "Cuộc gọi nhỡ",
};

// Each says what to do.
const PROBLEMS: Record<Exclude<Problem, "">, Record<Language, string>> = {
  "microphone-refused": {
    en: "The browser does not let this page use the microphone. Allow it by the icon beside the address, then try again.",
    vi: "Trình duyệt chưa cho trang này dùng micro. Hãy cho phép ở biểu tượng cạnh thanh địa chỉ, rồi thử lại.",
  },
  "microphone-missing": {
    en: "No microphone was found, or another program holds it. Plug one in, or close that program, then try again.",
    vi: "Không tìm thấy micro, hoặc ứng dụng khác đang dùng. Hãy cắm micro hoặc đóng ứng dụng đó, rồi thử lại.",
  },
  "cannot-register": {
    en: "The PBX did not accept this phone. Try again; if that does not help, ask your administrator whether browsers may use this extension.",
    vi: "Tổng đài không chấp nhận điện thoại này. Hãy thử lại; nếu vẫn lỗi, hỏi quản trị viên máy nhánh có được dùng trên trình duyệt không.",
  },
  "no-connection": {
    en: "The PBX cannot be reached. Check your network; the phone keeps trying.",
    vi: "Không kết nối được tổng đài. Hãy kiểm tra mạng; điện thoại sẽ tự thử lại.",
  },
  "signed-out": {
    en: "You are signed out. Sign in, and the phone is there.",
    vi: "Bạn chưa đăng nhập. Hãy đăng nhập để dùng điện thoại.",
  },
  "not-permitted": {
    en: "This account has no browser phone here.",
    vi: "Tài khoản này chưa dùng được điện thoại trên trình duyệt.",
  },
  failed: {
    en: "The phone could not be loaded. Reload the page.",
    vi: "Không tải được điện thoại. Hãy tải lại trang.",
  },
};

const REASONS: Record<Reason, Record<Language, string>> = {
  "": { en: "Call ended", vi: "Đã kết thúc" },
  busy: { en: "Busy", vi: "Máy bận" },
  "no-answer": { en: "No answer", vi: "Không trả lời" },
  declined: { en: "Declined", vi: "Đã từ chối" },
  "unknown-number": { en: "This number does not exist", vi: "Số không tồn tại" },
  barred: { en: "This number may not be called", vi: "Không được phép gọi số này" },
  "not-available": { en: "Not available", vi: "Không liên lạc được" },
  cancelled: { en: "The caller gave up", vi: "Người gọi đã gác máy" },
  elsewhere: { en: "Answered elsewhere", vi: "Đã được nghe ở máy khác" },
  transferred: { en: "Transferred", vi: "Đã chuyển máy" },
  network: { en: "Ended: the network did not come back", vi: "Đã kết thúc: mất mạng quá lâu" },
  media: { en: "Ended: no audio could be set up", vi: "Đã kết thúc: không thiết lập được âm thanh" },
  failed: { en: "The call failed", vi: "Cuộc gọi không thành công" },
};

export const text = (language: Language, key: Key): string => (language === "vi" ? VI : EN)[key];
export const reasonText = (language: Language, reason: Reason): string => REASONS[reason][language];

// What the server said explains why something is not permitted; else our own words.
export function problemText(language: Language, problem: Problem, detail: string): string {
  if (!problem) return "";
  const own = PROBLEMS[problem][language];
  return problem === "not-permitted" && detail ? `${own} ${detail}` : own;
}
