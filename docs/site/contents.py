"""The order of the pages in the sidebar: English names, without suffix. A Vietnamese page takes
the place of its twin; a page without one has a Vietnamese title besides.
"""

FIRST = {"en": "README", "vi": "README.vi"}
CONTENTS = (
    (
        {"en": "For CRM developers", "vi": "Cho lập trình viên CRM"},
        {
            "docs/integration.en": "",
            "docs/events": "",
            "docs/live": "",
            "docs/reports": "Báo cáo",
            "docs/dialects": "",
            "docs/errors": "",
        },
    ),
    (
        {"en": "Phones and carriers", "vi": "Điện thoại và nhà mạng"},
        {
            "docs/phones": "Điện thoại SIP",
            "docs/provisioning": "",
            "docs/portal": "",
            "docs/web-phone": "",
            "docs/browser-phones": "SIP qua WebSocket",
            "docs/compatibility": "Các client đã thử",
            "docs/trunks": "Trunk",
            "docs/call-barring": "Hạn mức và chặn",
        },
    ),
    (
        {"en": "For operators", "vi": "Cho người vận hành"},
        {
            "docs/production": "Chạy thật",
            "docs/settings": "Cấu hình",
            "docs/commands": "Các lệnh",
            "docs/remote": "Dòng lệnh từ máy khác",
            "docs/company-files": "Công ty trong một file",
            "docs/admin-api": "API cho người quản trị",
            "docs/existing-asterisk": "Asterisk riêng",
            "docs/security": "Bảo mật",
            "docs/reliability": "Khi có sự cố",
            "docs/benchmarks": "Số đo hiệu năng",
        },
    ),
    (
        {"en": "Inside", "vi": "Bên trong"},
        {
            "ARCHITECTURE": "Kiến trúc",
            "docs/call-flow": "Diễn tiến cuộc gọi",
            "docs/glossary": "Bảng thuật ngữ",
            "docs/decisions/README": "Các quyết định",
            "CONTRIBUTING": "Đóng góp",
            "CHANGELOG": "Thay đổi",
            "SECURITY": "Báo lỗ hổng bảo mật",
        },
    ),
)
