"""Every route of a real node, asked by everybody who may come: what the access table says is what each is told."""

from collections.abc import Iterator

import pytest

from tests.access.rows import WHO, Spends
from tests.access.table import EXPECTED, routes_of
from tests.e2e.access.vault import Copy, Matrix, open_matrix

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    """One node for all routes."""
    with open_matrix(tmp_path_factory.mktemp("matrix")) as made:
        yield made


def test_every_route_of_the_node_has_a_row_and_every_row_a_route(matrix: Matrix) -> None:
    assert routes_of(matrix.operator("GET", "/openapi.json")) == set(EXPECTED)


@pytest.mark.parametrize("route", EXPECTED)
def test_everybody_is_told_what_the_table_says(matrix: Matrix, route: str) -> None:
    row = EXPECTED[route]
    assert set(row.told) == set(WHO)
    told: dict[str, int] = {}
    copy: Copy | None = None
    for who in WHO:
        # Who is refused leaves the copy to the next; whoever may has one of his own.
        if row.spends is Spends.COPY and (copy is None or told.get(WHO[len(told) - 1], 500) < 400):
            copy = matrix.copy(row)
        told[who] = matrix.told(who, route, copy)
    assert told == row.told


def test_head_tells_everybody_what_get_does(matrix: Matrix) -> None:
    paths = matrix.operator("GET", "/openapi.json")["paths"]
    routes = [f"GET {template}" for template, operations in paths.items() if "head" in operations]
    assert routes
    told = {route: {who: matrix.told_by_head(who, route) for who in WHO} for route in routes}
    assert told == {route: EXPECTED[route].told for route in routes}


@pytest.mark.parametrize("route", EXPECTED)
def test_a_credential_that_counts_no_more_or_elsewhere_opens_nothing(matrix: Matrix, route: str) -> None:
    row = EXPECTED[route]
    told = {kind: matrix.told_to_void(kind, route) for kind in matrix.void}
    assert told == dict.fromkeys(matrix.void, row.void)


@pytest.mark.parametrize("route", EXPECTED)
def test_share_links_and_file_tokens_open_their_own_doors_and_no_other(matrix: Matrix, route: str) -> None:
    row = EXPECTED[route]
    # Where no secret has a place, who has it is as anonymous as anybody.
    assert matrix.told_to_link(route) == (row.told["anonymous"] if row.link is None else row.link)
