Documentation.addTranslations({
  locale: "vi",
  messages: {
    "Search Results": "Kết quả tìm kiếm",
    "Searching": "Đang tìm",
    "Preparing search...": "Đang chuẩn bị tìm...",
    ", in ": ", trong ",
    "Your search did not match any documents. Please make sure that all words are spelled correctly and that you've selected enough categories.":
      "Không tìm thấy trang nào. Hãy kiểm tra lại chính tả, hoặc tìm ít từ hơn.",
    "Search finished, found one page matching the search query.": ["Tìm thấy ${resultCount} trang."],
  },
  plural_expr: "0",
});
