"""The reasons that errors give, in English and Vietnamese. A reason's key is its name here.

`{name}` stands for a value that is put in when the reason is given: `AT_MOST(most=5)`.
"""

import re

import msgspec


class Text(msgspec.Struct, frozen=True):
    """One reason in both languages. Where `is_whole`, it takes the place of the error's own text
    and may name `{field}`.
    """

    en: str
    vi: str
    is_whole: bool = False

    def __call__(self, **values: object) -> "Text":
        """The reason with its values put in."""
        return Text(self.en.format(**values), self.vi.format(**values), self.is_whole)

    def __str__(self) -> str:
        """The English."""
        return self.en

    def of(self, language: str) -> str:
        """The text in "vi"; English for any other language."""
        return self.vi if language == "vi" else self.en


USER_AT_DOMAIN = Text(
    "Users of a domain log in as user@domain.", "Tài khoản của domain đăng nhập bằng user@domain."
)

# --- a value that is missing or of the wrong kind

REQUIRED = Text("{field}: is required", "Thiếu tham số {field}", is_whole=True)
NEEDED = Text("is needed", "bắt buộc phải có")
TEXT_NEEDED = Text("a text is needed", "phải là một chuỗi ký tự")
INTEGER_NEEDED = Text("a whole number is needed", "phải là số nguyên")
INTEGER_RANGE = Text(
    "a number from {first} to {last} is needed", "phải là số từ {first} đến {last}"
)
UUID_NEEDED = Text("a UUID is needed", "phải là một UUID")
SECONDS_NEEDED = Text("whole seconds are needed", "phải là số giây nguyên")
DIGITS_NEEDED = Text("digits are needed", "phải là các chữ số")
BOOLEAN_NEEDED = Text("true or false is needed", "phải là true hoặc false")
ONE_OF = Text("one of {choices} is needed", "phải là một trong: {choices}")
DATE_NEEDED = Text(
    "YYYY-MM-DD or YYYY-MM-DD HH:MM:SS is needed",
    "phải có dạng YYYY-MM-DD hoặc YYYY-MM-DD HH:MM:SS",
)
DAY_NEEDED = Text("a date is needed: YYYY-MM-DD", "phải là ngày dạng YYYY-MM-DD")
ENDS_BEFORE_START = Text("it is before the start", "trước ngày bắt đầu")
DAYS_AT_MOST = Text("at most {most} days", "tối đa {most} ngày")
MOMENT_NEEDED = Text(
    "a time with its offset is needed, such as 2027-01-01T08:00:00+07:00",
    "phải là thời điểm kèm múi giờ, ví dụ 2027-01-01T08:00:00+07:00",
)
FILE_NEEDED = Text("a file name or URL is needed", "phải là tên file hoặc URL")
OBJECT_NEEDED = Text("a JSON object is needed", "phải là một JSON object")
NUMBER_NEEDED = Text("a number is needed", "phải là một số")
SEQ_NEEDED = Text("a seq is needed: a whole number", "phải là một seq: một số nguyên")
NOT_A_CHOICE = Text("not one of the known values", "không nằm trong các giá trị cho phép")
NOT_IN_RANGE = Text(
    "out of range, or not one of the known values",
    "ngoài phạm vi, hoặc không nằm trong các giá trị cho phép",
)
NUMBERS_TAKEN = Text("in use already: {numbers}", "đã được dùng: {numbers}")
UNKNOWN_FIELD = Text("there is no such field", "không có trường này")
NOT_OUR_CURSOR = Text(
    "not the next_cursor of an answer", "không phải next_cursor của một kết quả trước"
)
RESEND_WHAT = Text("webhook_id, state or since is needed", "phải có webhook_id, state hoặc since")

# --- limits of a value

AT_MOST_TIMES = Text("at most {most} times", "tối đa {most} lần")
AT_MOST_CHARACTERS = Text("at most {most} characters", "tối đa {most} ký tự")
AT_LEAST_CHARACTERS = Text("{least} or more characters", "từ {least} ký tự trở lên")
AT_MOST = Text("at most {most}", "tối đa là {most}")
AT_LEAST = Text("at least {least}", "tối thiểu là {least}")
NAME_LENGTH = Text("1 to 64 characters", "từ 1 đến 64 ký tự")
KEY_CHARACTERS = Text(
    "1 to 255 visible ASCII characters are needed", "phải là 1 đến 255 ký tự ASCII in được"
)
HEADER_CHARACTERS = Text(
    "up to 1,024 printable ASCII characters, no space at the ends",
    "tối đa 1.024 ký tự ASCII in được, không có dấu cách ở hai đầu",
)
ONE_EVENT = Text(
    "a subscription is to one event, a text: one of {names}; make one subscription for each event",
    "mỗi subscription chỉ cho một sự kiện, là một chuỗi ký tự: một trong {names}; "
    "hãy tạo một subscription cho từng sự kiện",
)
ONE_SAMPLE = Text(
    "one event at a time, a text: one of {names}",
    "mỗi lần chỉ một sự kiện, là một chuỗi ký tự: một trong {names}",
)
SUBSCRIPTION_STAYS = Text(
    "cannot be changed: make another subscription, and delete this one",
    "không thay đổi được: hãy tạo subscription khác rồi xoá subscription này",
)
HEADER_NAME = Text(
    "a header's name is up to 64 letters, digits and -",
    "tên header gồm tối đa 64 chữ cái, chữ số và dấu -",
)
HEADER_OURS = Text(
    "{name} is a header of our own; Authorization is callback_apikey",
    "{name} là header do hệ thống gửi; Authorization là callback_apikey",
)
HEADER_TWICE = Text("a header is given twice", "có header được khai báo hai lần")
CERTIFICATES = Text(
    "expected certificates in PEM, {most} characters at most",
    "phải là chứng chỉ dạng PEM, tối đa {most} ký tự",
)
WEBHOOK_SECRET = Text(
    "expected whsec_ and the base64 of 24 to 64 bytes",
    "phải là whsec_ và base64 của 24 đến 64 byte",
)
NO_CONTROL = Text("no control characters", "không được có ký tự điều khiển")
CSV_UTF8 = Text("UTF-8 is needed", "phải là UTF-8")
NO_CSV = Text("line {line} is no CSV", "dòng {line} không phải CSV")
NOT_OF_FILES = Text(
    "not with this Accept: a file has all records",
    "không dùng với Accept này: tệp luôn có tất cả bản ghi",
)
CELLS_BEYOND = Text("the line has more cells than the first one", "dòng có nhiều ô hơn dòng đầu")
GIVEN_TWICE = Text("is given twice", "được khai báo hai lần")
LINES_AT_MOST = Text("at most {most} lines", "tối đa {most} dòng")
WRONG_LINES = Text("{count} lines are wrong.", "{count} dòng bị lỗi.")
NO_NUL = Text("no NUL characters", "không được có ký tự NUL")
NOT_STORABLE = Text("holds a character that cannot be stored", "có ký tự không lưu được")
NOT_IN_NAMES = Text(
    'none of < > " \\ ; may be in it', 'không được có ký tự nào trong số < > " \\ ;'
)
ONLY_ANSWER = Text("only answer is known", "chỉ có thể là answer")

NOT_BASE64 = Text("It is not Base64 of a number.", "Không phải là Base64 của một số.")
NOT_ENCRYPTED = Text(
    "It is not the hex of a number in AES-256-ECB under the domain's key.",
    "Không phải là hex của một số được mã hoá AES-256-ECB bằng khoá của domain.",
)
ONLY_AES = Text("encrypt_method can only be aes.", "encrypt_method chỉ có thể là aes.")
PHONE_KEY = Text(
    "32 visible ASCII characters or 64 hexadecimal digits are needed",
    "phải là 32 ký tự ASCII in được hoặc 64 chữ số thập lục phân",
)

# --- a value that does not fit what is there

NEWEST_SEQ = Text("the newest event has seq {seq}", "sự kiện mới nhất có seq {seq}")
NOT_OUR_SCROLL = Text("not a scroll_id of ours", "không phải scroll_id do hệ thống này cấp")
NOT_OUR_HOTLINE = Text("not a hotline of this domain", "không phải đầu số của domain này")
NO_SUCH_HOTLINE = Text("the domain has no such hotline", "domain không có đầu số này")
NO_PHONE_KEY = Text(
    "The domain has no key for encrypted numbers: ask the operator.",
    "Domain chưa có khoá để giải mã số điện thoại: hãy liên hệ đơn vị vận hành.",
)
NO_SUCH_CUSTOMER = Text(
    "a telephone number or one of {known}", "phải là số điện thoại hoặc một trong: {known}"
)
NO_SUCH_EVENT = Text("there is no event {name!r}", "không có sự kiện {name!r}")
NEVER_POSTED = Text(
    "There is no event {name!r}: it will never be posted.",
    "Không có sự kiện {name!r}: sẽ không bao giờ được gửi.",
)
KEY_USED = Text("used before for another request", "đã dùng cho một yêu cầu khác")
STILL_WRITTEN = Text("is still being written", "đang được ghi, chưa xong")
EXISTS = Text("exists already", "đã tồn tại")
REFERENCE_GONE = Text(
    "what it refers to is gone, or something still refers to it",
    "đối tượng liên quan không còn tồn tại hoặc đang được dùng",
)
IN_USE = Text("is in use", "đang được dùng")
SUBSCRIPTION_DISABLED = Text(
    "the subscription is disabled: enable it first", "subscription đang bị tắt: hãy bật lại trước"
)
TOO_MANY_URLS = Text(
    "deliveries wait for {most} other URLs already: wait until they are delivered or have failed",
    "đã có lượt gửi đang chờ ở {most} URL khác: hãy đợi đến khi gửi xong hoặc thất bại hẳn",
)
KEYS_LIMIT = Text(
    "the user has {most} API keys, and may have no more: delete those not needed",
    "tài khoản đã có {most} API key, là mức tối đa: hãy xoá những cái không cần nữa",
)
LINKS_LIMIT = Text(
    "the domain has {most} links, and may have no more: revoke those not needed",
    "domain đã có {most} link, là mức tối đa: hãy thu hồi những link không cần nữa",
)
KEY_NAME_EXISTS = Text(
    "the user has an API key of this name already", "tài khoản đã có API key tên này"
)
SUBSCRIPTIONS_LIMIT = Text(
    "the domain has {most} subscriptions, and may have no more: delete those not needed",
    "domain đã có {most} subscription, là mức tối đa: hãy xoá những cái không cần nữa",
)

# --- configuration

NAME_CHARACTERS = Text(
    'no control characters and none of " < > ; \\ ` $ [ ] | or curly brackets',
    'không được có ký tự điều khiển, dấu ngoặc nhọn, hay ký tự nào trong số " < > ; \\ ` $ [ ] |',
)
DOMAIN_NAME = Text(
    "a DNS name in lower case is needed, such as sales.example.vn",
    "phải là tên DNS viết thường, ví dụ sales.example.vn",
)
NO_SUCH_TIME_ZONE = Text(
    "no such time zone: {name!r}; try Asia/Ho_Chi_Minh",
    "không có múi giờ {name!r}; ví dụ: Asia/Ho_Chi_Minh",
)
COUNTRY_CODE = Text(
    "the code of a country without + is needed, such as 84",
    "phải là mã quốc gia, không có +, ví dụ 84",
)
REGION = Text(
    "a country of +{code} in two letters is needed, such as CA of +1",
    "phải là một nước có mã +{code}, viết bằng hai chữ cái, ví dụ CA của +1",
)
EMERGENCY_NUMBER = Text("{number} is an emergency number", "{number} là số khẩn cấp")
INTERNAL_NUMBER = Text("2 to 8 digits are needed", "phải là 2 đến 8 chữ số")
DEVICE_NAME = Text(
    "lower-case letters, digits and -, beginning with a letter, at most 31",
    "chữ thường, chữ số và -, bắt đầu bằng chữ, tối đa 31 ký tự",
)
MAC = Text(
    "a MAC address is needed, such as 00:15:65:aa:bb:cc",
    "phải là địa chỉ MAC, ví dụ 00:15:65:aa:bb:cc",
)
NODE_NAME = Text(
    "lower-case letters, digits and -, at most 63", "chữ thường, chữ số và -, tối đa 63 ký tự"
)
USERNAME = Text(
    "1 to 64 of a-z 0-9 . _ + - are needed, without the domain",
    "phải là 1 đến 64 ký tự a-z 0-9 . _ + -, không kèm domain",
)
PASSWORD_LENGTH = Text("8 to 256 characters are needed", "phải có 8 đến 256 ký tự")
SIP_PASSWORD = Text(
    "{shortest} to 128 visible ASCII characters, no space and none of \" ' ; \\",
    "{shortest} đến 128 ký tự ASCII in được, không có dấu cách và \" ' ; \\",
)
SIP_USER = Text(
    "at most 128 letters, digits and . _ + ~ * @ -", "tối đa 128 chữ, chữ số và . _ + ~ * @ -"
)
SIP_AUTH_USERNAME = Text(
    "at most 63 letters, digits and . _ + ~ * -", "tối đa 63 chữ, chữ số và . _ + ~ * -"
)
HOST = Text(
    "a host name or address is needed, such as sip.carrier.vn or 203.0.113.7:5080",
    "phải là tên máy hoặc địa chỉ, ví dụ sip.carrier.vn hoặc 203.0.113.7:5080",
)
TWICE = Text("a number stands there twice", "có một số bị lặp lại")
PREFIXES = Text(
    "prefixes such as +44, + (all countries) or 1900 are needed",
    "phải là các đầu số như +44, + (mọi nước) hoặc 1900",
)
NETWORKS = Text(
    "IP addresses or networks are needed: {why}", "phải là địa chỉ IP hoặc dải mạng: {why}"
)
IP_ADDRESS = Text("an IP address is needed", "phải là một địa chỉ IP")
IN_USE_BY = Text("in use by {users}", "đang được dùng bởi {users}")
NOT_AUDIO = Text(
    "no sound can be read from this file: WAV, MP3, OGG or FLAC is needed",
    "không đọc được âm thanh từ tệp này: cần WAV, MP3, OGG hoặc FLAC",
)
AUDIO_TOO_LONG = Text("longer than {most} minutes", "dài hơn {most} phút")
PROMPTS_TOO_LONG = Text(
    "all prompts of a domain together may take {most} minutes",
    "tất cả lời thoại của một domain chỉ được dài tổng cộng {most} phút",
)
MENU_KEY = Text(
    "a key (0 to 9, *, #), = and a number of the domain are needed, such as 1=101",
    "cần một phím (0 đến 9, *, #), dấu = và một số của domain, ví dụ 1=101",
)
PROMPT_NAME = Text(
    "may not have / in it, nor be . or ..", "không được có /, cũng không là . hay .."
)
FEATURE_CODE = Text(
    "a feature, = and its code are needed, such as pickup=*6, or pickup= for none",
    "cần một tính năng, dấu = và mã của nó, ví dụ pickup=*6, hoặc pickup= để bỏ mã",
)
FEATURE_CODES_CLASH = Text(
    "the codes of {one} and {other} cannot be told apart",
    "mã của {one} và {other} không phân biệt được với nhau",
)
NO_SUCH = Text("no such {kind}: {numbers}", "không có {kind}: {numbers}")
NO_HOTLINE_HERE = Text("no such hotline in this domain", "domain không có đầu số này")
WEEKLY_HOURS = Text(
    "weekly hours are needed, such as mon-fri 08:00-17:30, sat sun 22:00-02:00 or daily "
    "00:00-24:00, not {text}",
    "phải là giờ trong tuần, ví dụ mon-fri 08:00-17:30, sat sun 22:00-02:00 hoặc daily "
    "00:00-24:00, không phải {text}",
)
HOLIDAYS = Text(
    "dates are needed, such as 2027-02-05/2027-02-11, 09-02 for each year, or 12-24 08:00-11:30 "
    "for a day with hours of its own, not {text}",
    "phải là ngày, ví dụ 2027-02-05/2027-02-11, 09-02 cho mọi năm, hoặc 12-24 08:00-11:30 cho "
    "ngày có giờ riêng, không phải {text}",
)
UNTIL_OF_NOTHING = Text(
    "there is no override that could end", "không có trạng thái đặt tay nào để kết thúc"
)
CALLER = Text(
    "a telephone number is needed, or the beginning of numbers such as 0912* or +44*, * or "
    "anonymous",
    "phải là số điện thoại, hoặc đầu số như 0912* hay +44*, hoặc *, hoặc anonymous",
)
CALLER_EXISTS = Text("this caller is already there", "số gọi đến này đã có")
ROUTE_ALONE = Text(
    "needed by the action route, and by no other", "cần cho action route, và chỉ cho action này"
)
HOURS_PLAN_EXISTS = Text(
    "an hours plan with this name already exists", "lịch làm việc với tên này đã có"
)
NO_NUMBER_OUTSIDE = Text(
    "neither a number of the domain nor a number outside: {number}",
    "không phải số của domain, cũng không phải số bên ngoài: {number}",
)
SHOWN_BY = Text(
    "shown by extension {extensions}", "đang là số hiển thị của máy nhánh {extensions}"
)
LEADS_BACK = Text("leads back to this {kind}", "quay lại chính nó ({kind})")
DEFAULT_DEVICE = Text(
    "every extension has its default device", "máy nhánh nào cũng phải có thiết bị mặc định"
)
WEBRTC_DEVICE = Text(
    "webrtc is for browsers that register as the extension itself: set the extension's `webrtc`",
    "webrtc là của trình duyệt đăng ký bằng chính máy nhánh: hãy đặt `webrtc` của máy nhánh",
)
MAC_NEEDED = Text(
    "the device has no MAC: give it the one of its phone first",
    "thiết bị chưa có địa chỉ MAC: hãy nhập MAC của điện thoại trước",
)
BROWSER_HAS_NO_LINK = Text(
    "browsers are not configured by a link: they register through a page",
    "trình duyệt không cấu hình bằng link: trình duyệt đăng ký qua trang web",
)
LINK_USED = Text(
    "This link was used already; it works once. Ask for a new one.",
    "Link này đã được dùng; mỗi link chỉ dùng được một lần. Hãy xin link mới.",
)
LINK_EXPIRED = Text(
    "This link has expired. Ask for a new one.", "Link này đã hết hạn. Hãy xin link mới."
)
LINK_OF_OTHER_PASSWORD = Text(
    "The device has got another password since this link was made. Ask for a new one.",
    "Mật khẩu của thiết bị đã được đổi sau khi tạo link này. Hãy xin link mới.",
)
EXTENSION_DISABLED = Text("the extension is disabled", "máy nhánh đang bị tắt")
NO_BROWSERS = Text(
    "browsers may not register as {extension}: an administrator must permit it (`webrtc`)",
    "trình duyệt chưa được phép đăng ký máy nhánh {extension}: quản trị viên hãy bật `webrtc`",
)
WHICH_EXTENSION = Text(
    "no extension is this user's own: say which one",
    "tài khoản này chưa gắn với máy nhánh nào: hãy chọn máy nhánh",
)
CALLS_LIVE = Text("{count} calls are live", "đang có {count} cuộc gọi")
SUSPENDED_STAYS = Text(
    "its outbound calls are suspended until {until}: delete it then, or ask the operator",
    "chiều gọi ra đang bị tạm ngưng đến {until}: hãy xoá sau đó, hoặc liên hệ đơn vị vận hành",
)
DELETING = Text("the domain is being deleted", "domain đang được xoá")
COUNTRY_IN_USE = Text(
    "hotlines or calls are stored under the old one",
    "đã có đầu số hoặc cuộc gọi được lưu theo mã cũ",
)
SEVERAL_TRUNKS = Text(
    "several shared trunks have this name; give the trunk's uuid",
    "có nhiều trunk dùng chung tên này; hãy cho uuid của trunk",
)
TRUNK_DISABLED = Text("the trunk is disabled", "trunk đang bị tắt")
TRIAL_UNDER_WAY = Text(
    "another test call by this trunk is under way", "trunk này đang có một cuộc gọi thử khác"
)
NO_EMERGENCY = Text(
    "It is an emergency number: no test calls there.",
    "Đây là số khẩn cấp: không gọi thử tới số này.",
)
NO_TRUNK = Text("no such trunk", "không có trunk này")
TRUNK_BORROWED = Text(
    "other domains' hotlines use this trunk", "đầu số của domain khác đang dùng trunk này"
)
TRUNK_PASSWORD = Text(
    '{shortest} characters are needed, or a trunk that has no auth username: --auth-username ""',
    'phải có {shortest} ký tự, hoặc trunk không có auth username: --auth-username ""',
)
NEEDED_BY_AUTH = Text("is needed for a trunk by {auth}", "cần cho trunk kiểu {auth}")
NEEDED_BY_AUTH_USERNAME = Text(
    "is needed for a trunk with an auth username", "cần cho trunk có auth username"
)
DOMAIN_EXISTS = Text("a domain of this name exists already", "đã có domain tên này")
USER_EXISTS = Text("a user of this name exists already", "đã có tài khoản tên này")
OPERATOR_EXISTS = Text(
    "an operator of this name exists already", "đã có tài khoản vận hành tên này"
)
KEY_EXISTS = Text("this API key is taken", "API key này đã được dùng")
NUMBER_STAYS = Text(
    "an extension keeps its number: make another", "máy nhánh không đổi số được: hãy tạo máy mới"
)
NUMBER_EXISTS = Text(
    "this number is an extension, a ring group or a queue already",
    "số này đã là máy nhánh, nhóm đổ chuông hoặc hàng đợi",
)
DEVICE_EXISTS = Text(
    "the extension has a device of this name already", "máy nhánh đã có thiết bị tên này"
)
MAC_EXISTS = Text(
    "another device of the domain has this MAC", "thiết bị khác trong domain đã có địa chỉ MAC này"
)
TRUNK_EXISTS = Text("a trunk of this name exists already", "đã có trunk tên này")
AUTH_USERNAME_EXISTS = Text(
    "another trunk calls by this name already: give another --auth-username",
    "một trunk khác đã dùng tên này: hãy chọn --auth-username khác",
)
HOTLINE_EXISTS = Text("this hotline exists already", "đầu số này đã có")
HOTLINE_ELSEWHERE = Text(
    "another domain has this hotline on the same trunk",
    "một domain khác đã có đầu số này trên cùng trunk",
)
DEFAULT_EXISTS = Text("another hotline is the default", "đầu số khác đang là mặc định")
TRUNK_IN_USE = Text("hotlines use this trunk", "đang có đầu số dùng trunk này")

# --- callback URLs

NOT_A_URL = Text("not a URL", "không phải là URL")
NOT_A_HOST = Text("not a host name", "không phải là tên máy")
NOT_HTTP = Text("must begin with http:// or https://", "phải bắt đầu bằng http:// hoặc https://")
USER_IN_URL = Text(
    "must not hold a user or a password; use callback_apikey",
    "không được chứa tài khoản hay mật khẩu; hãy dùng callback_apikey",
)
PORT_REFUSED = Text("no callbacks to this port", "không được gửi tới cổng này")
ADDRESS_REFUSED = Text(
    "no callbacks to this address, which is private; the operator can allow its network "
    "(TONGDAI_CALLBACK_ALLOW)",
    "không được gửi tới địa chỉ nội bộ này; bên vận hành có thể cho phép mạng của nó "
    "(TONGDAI_CALLBACK_ALLOW)",
)

# --- who asks

TOKEN_INVALID = Text("The token is not valid.", "Token không hợp lệ.")
TOKEN_EXPIRED = Text("The token has expired.", "Token đã hết hạn.")
ACCOUNT_GONE = Text("The account is gone.", "Tài khoản không còn nữa.")
HAS_SECOND_FACTOR = Text(
    "the account has a second factor already", "tài khoản đã bật xác thực hai lớp"
)
WRONG_CODE = Text(
    "not the code that the authenticator app shows now, or used already",
    "mã không đúng, đã hết hạn hoặc đã dùng rồi",
)
NOT_OUR_SECRET = Text(
    "not a secret that this API proposed", "không phải secret mà API này đã đề xuất"
)
SEARCHES_AT_MOST = Text("at most {most} saved searches", "lưu tối đa {most} bộ lọc")
SESSION_ENDED = Text("Sign in again.", "Hãy đăng nhập lại.")
LINK_ENDED = Text(
    "The link is wrong, has expired or was revoked: ask for a new one.",
    "Link không đúng, đã hết hạn hoặc bị thu hồi: hãy xin link mới.",
)
NOT_OUR_PAGE = Text(
    "The cookie of a session counts only in requests of our own pages, with the header {header}.",
    "Cookie đăng nhập chỉ dùng được trong yêu cầu của chính trang này, có header {header}.",
)
ACCOUNT_DISABLED = Text("The account is disabled.", "Tài khoản đã bị khoá.")
KEY_ROTATED = Text(
    "The API key of the token was rotated.", "API key đã lấy token này không còn hiệu lực."
)
PERMISSION_NEEDED = Text("It needs the permission {permission}.", "Cần có quyền {permission}.")
NOT_YOUR_EXTENSION = Text(
    "Extension {extension} is not this account's own.",
    "Máy nhánh {extension} không phải của tài khoản này.",
)
USERS_ONLY = Text(
    "Only users of a domain, and their API keys, make tokens of phones.",
    "Chỉ tài khoản của domain, hoặc API key của tài khoản đó, mới tạo được token cho điện thoại.",
)
SCOPES_BEYOND = Text(
    "An API key that has scopes can neither make nor change one without scopes.",
    "API key có scopes không thể tạo hay thay đổi API key không có scopes.",
)
LEVEL_BEYOND = Text(
    "A user of the level {level} takes all permissions of that level, by an API key that does not "
    "expire.",
    "Với user cấp {level} cần có mọi quyền của cấp đó, bằng API key không hết hạn.",
)
OWN_ACCOUNT = Text(
    "nobody deletes, disables or lowers the own account",
    "không ai được tự xoá, khoá hay hạ cấp tài khoản của chính mình",
)
EXPIRY_BEYOND = Text(
    "An API key can neither make nor change one that expires after itself, {until}.",
    "API key không thể tạo hay thay đổi API key hết hạn sau chính nó, {until}.",
)
DOMAIN_NEEDED = Text(
    "An operator belongs to no domain: log in as a user of one.",
    "Tài khoản vận hành không thuộc domain nào: hãy dùng tài khoản của một domain.",
)

# --- requests that cannot be read

NO_HTTP = Text(
    "It is no HTTP that we know. In a URL, what is not ASCII must be percent-encoded.",
    "Không phải HTTP hợp lệ. Trong URL, ký tự ngoài ASCII phải được mã hoá phần trăm.",
)
NO_JSON = Text("The body is not JSON.", "Nội dung không phải là JSON.")
DATABASE_READ_ONLY = Text("The database is read-only.", "Cơ sở dữ liệu đang ở chế độ chỉ đọc.")
NOT_WRITABLE = Text("It cannot be written to: {why}.", "Không ghi được: {why}.")
TOO_MANY_CONNECTIONS = Text("Too many connections.", "Quá nhiều kết nối.")
NO_FORM = Text("The body is no multipart form.", "Nội dung không phải là form multipart.")
NO_GZIP = Text("The body is not gzip.", "Nội dung không phải là gzip.")
TOO_DEEP = Text("nested too deeply", "lồng nhau quá sâu")

# --- recordings, calls and parts that are away

RECORDING_DELETED = Text("The recording was deleted.", "Bản ghi âm đã bị xoá.")
RECORDING_LINK_EXPIRED = Text("The link has expired.", "Liên kết đã hết hạn.")
RECORDING_LOST = Text("The recording was lost.", "Bản ghi âm đã bị mất.")
PHONE_UNREACHABLE = Text(
    "The switch could not reach the extension's phone.",
    "Tổng đài không kết nối được tới điện thoại của máy nhánh.",
)
CALL_NOT_RECORDED = Text(
    "The call could not be recorded in time.", "Không ghi nhận được cuộc gọi kịp thời."
)
CALLS_A_MINUTE = Text("calls a minute", "số cuộc gọi mỗi phút")
MINUTES_A_DAY = Text("minutes a day", "số phút mỗi ngày")
TRUNK_CALLS = Text("calls by the trunk", "số cuộc gọi của trunk")
NOTHING_SENT = Text("Nothing is sent from here.", "Máy chủ này không gửi webhook.")
TRY_AGAIN = Text(
    "Somebody else changed the same thing; try again.",
    "Có người khác vừa thay đổi cùng dữ liệu; hãy thử lại.",
)
DATABASE_SILENT = Text("The database does not answer.", "Cơ sở dữ liệu không trả lời.")
DATABASE_LOST = Text("The database went away.", "Mất kết nối tới cơ sở dữ liệu.")
DATABASE_BUSY = Text(
    "The database has no free connection.", "Cơ sở dữ liệu không còn kết nối trống."
)
DATABASE_AWAY = Text("The database cannot be reached.", "Không kết nối được tới cơ sở dữ liệu.")
SANDBOX_SILENT = Text("the sandbox does not answer: {why}", "sandbox không trả lời: {why}")
SANDBOX_REFUSED = Text("the sandbox refused: {why}", "sandbox từ chối: {why}")

# --- company files

NOT_YAML = Text("it is not YAML: {why}", "không phải YAML: {why}")
EMPTY_FILE = Text("the file is empty", "file rỗng")
ONE_DOCUMENT = Text(
    "a file has one document; another begins here", "một file chỉ có một tài liệu YAML"
)
NO_ALIASES = Text(
    "references to other parts of the file (*name) are not read",
    "không dùng được tham chiếu (*name) tới phần khác của file",
)
NAME_NEEDED = Text("the name of a field is needed", "phải là tên của một trường")
GIVEN_TWICE = Text("is given twice", "được khai báo hai lần")
LIST_NEEDED = Text("a list is needed", "phải là một danh sách")
PARTS_NEEDED = Text("fields with their values are needed", "phải gồm các trường và giá trị")
OTHER_COMPANY = Text(
    "the file is of {file}, not of {domain}", "file này là của {file}, không phải của {domain}"
)
ONE_DEFAULT = Text("only one hotline is the default", "chỉ một đầu số được là mặc định")
LOG_TOO_SHORT = Text(
    "The audit log tells the changes since {since} only.",
    "Nhật ký chỉ lưu các thay đổi từ {since}.",
)
LOG_INCOMPLETE = Text(
    "The audit log does not tell all changes since then.",
    "Nhật ký không còn đủ các thay đổi từ thời điểm đó.",
)
NOT_DELETED = Text(
    "{name} is not in the file, and cannot be deleted: {why}",
    "{name} không có trong file nhưng không xoá được: {why}",
)
WEBRTC_OF_BROWSER = Text(
    "a default device that is a browser needs no device webrtc",
    "thiết bị mặc định đã là trình duyệt thì không cần thiết bị webrtc",
)
WEBRTC_PASSWORD = Text(
    "the device webrtc has the password of the default device",
    "thiết bị webrtc dùng mật khẩu của thiết bị mặc định",
)
DEVICE_TWICE = Text("a device is given twice", "có thiết bị được khai báo hai lần")
PLAN_STALE = Text(
    "the configuration was changed since the plan: plan again",
    "cấu hình đã thay đổi sau khi lập kế hoạch: hãy lập lại",
)

NO_FUSIONPBX = Text(
    "no database of FusionPBX: it lacks {names}",
    "không phải cơ sở dữ liệu FusionPBX: thiếu {names}",
)
NO_COLUMN = Text("it has no column {names}", "không có cột {names}")
COLUMNS_DIFFER = Text(
    "line {line} has more or fewer values than there are columns",
    "dòng {line} có số giá trị khác với số cột",
)
NOT_IN_THE_TALK = Text(
    "name a party of this talk by its number, as GET /v1/calls/{{id}} shows it",
    "hãy ghi số của một bên trong cuộc gọi này, như GET /v1/calls/{{id}} hiển thị",
)
NO_SUCH_PROMPT = Text(
    "the domain has no prompt of this name", "domain không có âm thanh (prompt) tên này"
)
KEYS_NEEDED = Text("1 to 32 keys: 0-9, *, #, A-D", "1 đến 32 phím: 0-9, *, #, A-D")
NOT_CSV = Text("it is not CSV: {why} (line {line})", "không phải CSV: {why} (dòng {line})")

CATALOGUE = {name: value for name, value in globals().items() if isinstance(value, Text)}
"""Every reason by its key."""
_KEYS = {text: key for key, text in CATALOGUE.items()}


def key(text: Text | str) -> str:
    """The reason's key, by which `by_key` finds it in another process; plain text as it is."""
    return _KEYS.get(text, text.en) if isinstance(text, Text) else text


def by_key(key: str) -> Text | str:
    """The reason of that key; any other text as it is."""
    return CATALOGUE.get(key, key)


_OF_REFUSALS = (
    (re.compile(r"Expected `str\b[^`]*`, got"), TEXT_NEEDED),
    (re.compile(r"Expected `int\b[^`]*`, got"), INTEGER_NEEDED),
    (re.compile(r"Expected `float\b[^`]*`, got"), NUMBER_NEEDED),
    (re.compile(r"Expected `bool\b[^`]*`, got"), BOOLEAN_NEEDED),
    (re.compile(r"Expected `array\b[^`]*`, got"), LIST_NEEDED),
    (re.compile(r"Expected `object\b[^`]*`, got"), PARTS_NEEDED),
    (re.compile(r"Expected `uuid\b[^`]*`, got|Invalid UUID"), UUID_NEEDED),
    (re.compile(r"Expected `str` of length <= (?P<most>\d+)"), AT_MOST_CHARACTERS),
    (re.compile(r"Expected `str` of length >= (?P<least>\d+)"), AT_LEAST_CHARACTERS),
    (re.compile(r"Expected `int` >= (?P<least>\d+)"), AT_LEAST),
    (re.compile(r"Expected `int` <= (?P<most>\d+)"), AT_MOST),
    (re.compile(r"Expected `datetime\b|Invalid RFC3339"), MOMENT_NEEDED),
    (re.compile(r"Invalid enum value"), NOT_A_CHOICE),
)


def of_refusal(refusal: str) -> Text | str:
    """The reason that msgspec gives, such as "Expected `str`, got `int`", in our words."""
    if refusal.endswith("got `null`"):
        return REQUIRED
    for pattern, needed in _OF_REFUSALS:
        if found := pattern.match(refusal):
            return needed(**found.groupdict())
    return refusal
