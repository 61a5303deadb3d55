"""The reasons that the API gives in English, in Vietnamese."""

REASONS = {
    "The token is not valid.": "Token không hợp lệ.",
    "The token has expired.": "Token đã hết hạn.",
    "The account is gone.": "Tài khoản không còn nữa.",
    "The account is disabled.": "Tài khoản đã bị khoá.",
    "The API key of the token was rotated.": "API key đã lấy token này không còn hiệu lực.",
    "is required": "bắt buộc phải có",
    "The body is not JSON.": "Nội dung không phải là JSON.",
}
