"""The feature codes of a domain. They are changed as `feature_codes` of the domain."""

from typing import Annotated

from msgspec import Meta, Struct
from starlette.types import ASGIApp

from tongdai.api import changes, resources, responses
from tongdai.api.operations import operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.pbx import feature_codes
from tongdai.store import domains


class ShownFeatureCode(Struct, frozen=True):
    """What extensions dial for a feature."""

    feature: feature_codes.Feature
    code: Annotated[str, Meta(description='"": none.', examples=["*8"])]
    argument: Annotated[
        feature_codes.Argument,
        Meta(description='What is dialled after the code; "": nothing.'),
    ]
    needs_argument: bool
    meaning: Annotated[str, Meta(description="For people, in their language.")]


class FeatureCodeList(Struct, frozen=True):
    """All features."""

    data: list[ShownFeatureCode]


@operation(
    "GET",
    "/v1/admin/feature-codes",
    may="routing:read",
    tag=resources.TAG,
    gives={200: ("All of them.", FeatureCodeList)},
)
async def list_feature_codes(request: Request, principal: Principal) -> ASGIApp:
    """List what extensions dial for each feature.

    The domain changes a code by its `feature_codes`.
    """
    async with changes.reading(request, principal) as tx:
        domain = await domains.get(tx, principal.domain_uuid)
    codes = feature_codes.listed(domain.feature_codes)
    return responses.json(FeatureCodeList([_shown(each, request.language) for each in codes]))


def _shown(code: feature_codes.FeatureCode, language: str) -> ShownFeatureCode:
    return ShownFeatureCode(
        code.feature, code.code, code.argument, code.needs, code.meaning.of(language)
    )


OPERATIONS = (list_feature_codes,)
