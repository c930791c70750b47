"""The pages for people and the files they are made of."""

from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from app.assets import Asset
from app.headers import POLICY
from app.pages import ABOUT_PATH, DOCS_PATH, HOME_PATH, STATIC_PATH
from app.routes.state import service_of

router = APIRouter(include_in_schema=False)

SECURITY: Final = {
    # Scripts and styles come from this service's own files only; scripts may not write markup (trusted types).
    POLICY: "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""What a browser may do with a page, beside what it may do with any answer."""

_ASK_EACH_TIME: Final = "no-cache"
_KEEP: Final = "public, max-age=31536000, immutable"


@router.get(HOME_PATH)
async def home(request: Request) -> Response:
    """Draw, send or photograph a digit."""
    return _answer(request, service_of(request).site.pages[HOME_PATH], _ASK_EACH_TIME)


@router.get(ABOUT_PATH)
async def about(request: Request) -> Response:
    """What `GET /model` tells, for people."""
    return _answer(request, service_of(request).site.pages[ABOUT_PATH], _ASK_EACH_TIME)


@router.get(DOCS_PATH)
async def docs(request: Request) -> Response:
    """What `GET /openapi.json` tells, for people."""
    return _answer(request, service_of(request).site.pages[DOCS_PATH], _ASK_EACH_TIME)


@router.get(f"{STATIC_PATH}/{{digest}}/{{name}}")
async def static(request: Request, digest: str, name: str) -> Response:
    """A file of the pages, by its digest and name."""
    file = service_of(request).site.file(digest, name)
    if file is None:
        raise HTTPException(404)
    return _answer(request, file, _KEEP)


def _answer(request: Request, asset: Asset, caching: str) -> Response:
    zipped = asset.compressed if _takes_gzip(request.headers.get("accept-encoding", "")) else None
    # Each form of a content has a name of its own, or a cache could take one for the other.
    tag = f'"{asset.digest}"' if zipped is None else f'"{asset.digest}-gzip"'
    headers = SECURITY | {"ETag": tag, "Cache-Control": caching}
    if asset.compressed is not None:
        headers["Vary"] = "Accept-Encoding"
    if _is_known(tag, request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    if zipped is not None:
        headers["Content-Encoding"] = "gzip"
    body = asset.content if zipped is None else zipped
    return Response(body, headers=headers, media_type=asset.media_type)


def _takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding allows gzip; `gzip;q=0` forbids it."""
    for part in accepted.split(","):
        coding, _, weight = part.partition(";")
        if coding.strip().lower() in {"gzip", "*"}:
            return weight.replace(" ", "").rstrip("0.") != "q="
    return False


def _is_known(tag: str, known: str) -> bool:
    """Whether an If-None-Match names the tag; proxies may have made it a weak one."""
    return known.strip() == "*" or tag in {part.strip().removeprefix("W/") for part in known.split(",")}
