"""Who publishes next, and what is watched: in one process, and over Redis."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from channels.layers import get_channel_layer
from django.conf import settings
from django.test import override_settings

from monitoring.services.live import board as boards
from monitoring.services.live import producer
from monitoring.services.live.board import Board, BoardUnavailable, LocalBoard, RedisBoard
from monitoring.tasks import publish_live
from tests.factories import NOON
from tests.services import free_port

_databases = count(1)


@pytest.fixture(params=["local", "redis"])
def board(request: pytest.FixtureRequest) -> Board:
    made: dict[str, Callable[[], Board]] = {
        "local": LocalBoard,
        # A database of its own for each test, of those that the server has.
        "redis": lambda: RedisBoard(f"{request.getfixturevalue('redis_server')[:-1]}{next(_databases)}"),
    }
    return made[request.param]()


def test_only_one_takes_the_turn_in_a_period(board: Board) -> None:
    assert [board.take_slot(seconds=60), board.take_slot(seconds=60)] == [True, False]


def test_the_turn_is_free_again_when_its_time_is_over(board: Board) -> None:
    taken = board.take_slot(seconds=0.01)
    while not board.take_slot(seconds=60):
        pass

    assert taken


def test_scopes_are_watched_for_as_long_as_was_said(board: Board) -> None:
    board.watch({"all", "team.7"}, seconds=60)
    board.watch({"team.8"}, seconds=-1)
    board.watch({"team.7"}, seconds=30)

    assert board.watched() == {"all", "team.7"}


def test_a_board_that_is_away_says_so_at_once() -> None:
    away = RedisBoard(f"redis://127.0.0.1:{free_port()}/0")

    with pytest.raises(BoardUnavailable):
        away.watched()
    with pytest.raises(BoardUnavailable):
        away.take_slot(seconds=5)
    with pytest.raises(BoardUnavailable):
        away.watch({"all"}, seconds=5)


@pytest.fixture
def own_board() -> Iterator[Board]:
    """The board that this process shares with nobody, as where there is no Redis."""
    with override_settings(
        REDIS_URL="", CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    ):
        boards.shared.cache_clear()
        yield boards.shared()
    boards.shared.cache_clear()


@pytest.mark.django_db
def test_the_task_publishes_what_is_watched_once_a_period(own_board: Board) -> None:
    layer = get_channel_layer()
    asyncio.run(layer.group_add("live.all", "viewers"))
    unwatched = producer.publish_due()
    own_board.watch({"all"}, seconds=60)

    published = [producer.publish_due(), producer.publish_due()]
    message = asyncio.run(layer.receive("viewers"))

    assert (unwatched, published) == (0, [1, 0])
    assert (message["type"], message["scope"]) == ("live.tick", "all")
    assert producer.tick_of(message).body.startswith('{"type":"snapshot"')


@pytest.mark.django_db
def test_a_worker_publishes_nothing_while_redis_is_away() -> None:
    with override_settings(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0"):
        boards.shared.cache_clear()
        publish_live()
    boards.shared.cache_clear()


def test_the_task_is_scheduled_once_a_period_and_never_piles_up() -> None:
    entry = settings.CELERY_BEAT_SCHEDULE["publish-live"]

    assert (entry["task"], entry["schedule"], entry["options"]) == (publish_live.name, 5.0, {"expire_seconds": 5})


@pytest.mark.django_db
def test_a_snapshot_costs_a_bounded_number_of_questions(
    django_assert_max_num_queries,
) -> None:
    with django_assert_max_num_queries(20):
        producer.make_all({"all"}, now=NOON)
