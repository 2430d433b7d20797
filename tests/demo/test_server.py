import pytest

pytest.importorskip("gradio", reason="the page needs the extra demo")

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from shelfnet.demo.server import Address, _middleware

PORT = 7860


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:7860/"),
        ("0.0.0.0", "http://localhost:7860/"),
        ("::", "http://localhost:7860/"),
        ("::1", "http://[::1]:7860/"),
    ],
)
def test_address_of_the_page(host, url):
    assert Address(host, PORT).url == url


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
@pytest.mark.parametrize(
    ("requested", "status"),
    [("localhost:7860", 200), ("127.0.0.1:7860", 200), ("[::1]:7860", 200), ("attacker.example:7860", 400)],
)
def test_a_page_on_this_machine_answers_no_other_name(host, requested, status):
    page = Starlette(
        routes=[Route("/", lambda _: PlainTextResponse("page"))], middleware=_middleware(Address(host, PORT))
    )
    assert TestClient(page).get("/", headers={"host": requested}).status_code == status
