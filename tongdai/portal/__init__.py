"""The portal: pages for people, at `/`. They are static files, built from `web/`, that call the
API from the browser.
"""

from tongdai.portal.serving import PAGES, create

__all__ = ["PAGES", "create"]
