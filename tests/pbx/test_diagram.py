"""The page that shows how calls go is true."""

from tests.pbx import diagram


def test_page_is_what_the_code_does() -> None:
    assert diagram.page() == diagram.PAGE.read_text(), "python -m tests.pbx.diagram"
