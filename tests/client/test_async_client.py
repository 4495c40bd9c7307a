"""The asynchronous client: cancellation, event loops, forks and bounds."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import ssl
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sidecar.client import Decision, Question, UnavailableError
from sidecar.client.async_client import AsyncClient, StrictAsyncClient
from tests.client.scripted import ALLOW, DENY, StartServer, respond
from tests.e2e.authority import Authority
from tests.patience import PATIENCE, lenient

EDIT = ("user:ana", "numbers.edit", "account:acme")


def decision_of_subject(request: bytes) -> bytes:
    """Return an allow whose decision id is the subject's id."""
    subject = json.loads(request.partition(b"\r\n\r\n")[2])["subject"]["id"]
    return respond({**ALLOW, "decision_id": subject})


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  another thread makes it true
            await asyncio.sleep(0.005)


def test_a_decision_that_is_not_awaited_has_no_truth_value(start_server: StartServer) -> None:
    client = AsyncClient(start_server(respond(DENY)).url)
    questions = [Question(subject=EDIT[0], action=EDIT[1], resource=EDIT[2])]

    calls: list[Any] = [
        client.authorize(*EDIT),
        client.authorize_all(questions),
        client.permissions(EDIT[0], EDIT[2]),
        client.search_resources(EDIT[0], EDIT[1], "account"),
    ]

    for call in calls:
        with pytest.raises(TypeError, match="write `await`"):
            bool(call)
        with pytest.raises(TypeError):
            all(call)
        with pytest.raises(TypeError):
            _ = "numbers.edit" in call
        call.close()


def test_calls_may_be_tasks(start_server: StartServer) -> None:
    server = start_server(decision_of_subject)

    async def main() -> list[Decision]:
        async with AsyncClient(server.url) as client, asyncio.TaskGroup() as group:
            task = group.create_task(client.authorize(*EDIT))
            timed = await asyncio.wait_for(client.authorize(*EDIT), PATIENCE)
            gathered = await asyncio.gather(client.authorize(*EDIT), client.authorize(*EDIT))
            return [timed, *gathered, await task]

    assert [decision.decision_id for decision in asyncio.run(main())] == ["ana"] * 4


def test_concurrent_calls_share_a_bounded_pool_and_mix_no_answers(
    start_server: StartServer,
) -> None:
    server = start_server(decision_of_subject)

    async def main() -> list[Decision]:
        async with AsyncClient(server.url, seconds=PATIENCE, connections=3) as client:
            calls = [client.authorize(f"user:{number}", *EDIT[1:]) for number in range(100)]
            return await asyncio.gather(*calls)

    decisions = asyncio.run(main())

    assert [decision.decision_id for decision in decisions] == [str(i) for i in range(100)]
    assert server.connections == 3


def test_the_wait_for_a_connection_counts_against_the_deadline(start_server: StartServer) -> None:
    released = threading.Event()
    server = start_server(lambda _: respond(ALLOW) if released.wait(PATIENCE) else b"")

    async def main() -> list[Decision]:
        async with AsyncClient(server.url, seconds=0.3, connections=1) as client:
            return await asyncio.gather(*[client.authorize(*EDIT) for _ in range(5)])

    begun = time.monotonic()
    decisions = asyncio.run(main())
    released.set()

    assert all(decision.unavailable for decision in decisions)
    assert time.monotonic() - begun < lenient(0.3)


def test_the_response_to_a_cancelled_call_answers_no_other(start_server: StartServer) -> None:
    released = threading.Event()
    server = start_server(lambda _: respond(ALLOW) if released.wait(PATIENCE) else b"")

    async def main() -> Decision:
        async with AsyncClient(server.url, seconds=PATIENCE, connections=1) as client:
            task = asyncio.ensure_future(client.authorize(*EDIT))
            await until(lambda: server.requests)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            server.script = (respond(DENY),)
            released.set()
            return await client.authorize(*EDIT)

    decision = asyncio.run(main())

    assert [reason.code for reason in decision.reasons] == ["not_granted"]
    assert server.connections == 2


def test_a_call_that_is_cancelled_while_it_waits_for_a_connection_keeps_none(
    start_server: StartServer,
) -> None:
    released = threading.Event()
    server = start_server(lambda _: respond(ALLOW) if released.wait(PATIENCE) else b"")

    async def main() -> Decision:
        async with AsyncClient(server.url, seconds=PATIENCE, connections=1) as client:
            first = asyncio.ensure_future(client.authorize(*EDIT))
            await until(lambda: server.requests)
            second = asyncio.ensure_future(client.authorize(*EDIT))
            await asyncio.sleep(0)
            second.cancel()
            released.set()
            await first
            return await client.authorize(*EDIT)

    assert asyncio.run(main())


def test_a_loop_that_is_blocked_before_the_response_comes_denies(
    start_server: StartServer,
) -> None:
    blocked = threading.Event()
    server = start_server(lambda _: respond(ALLOW) if blocked.wait(PATIENCE) else b"")

    async def main() -> Decision:
        async with AsyncClient(server.url, seconds=0.3) as client:
            task = asyncio.ensure_future(client.authorize(*EDIT))
            await until(lambda: server.requests)
            blocked.set()
            time.sleep(0.4)  # noqa: ASYNC251  the response comes meanwhile
            return await task

    assert asyncio.run(main()).unavailable


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_another_event_loop_has_connections_of_its_own(start_server: StartServer) -> None:
    server = start_server(respond(ALLOW))

    async def ask(client: AsyncClient) -> Decision:
        return await client.authorize(*EDIT)  # without closing: the loop is just gone

    def ask_twice(client: AsyncClient) -> list[Decision]:
        return [asyncio.run(ask(client)), asyncio.run(ask(client))]

    decisions = ask_twice(AsyncClient(server.url))
    gc.collect()  # warns of the connections that were not closed

    assert all(decisions)
    assert server.connections == 2


def test_event_loops_of_several_threads_share_a_client(start_server: StartServer) -> None:
    server = start_server(decision_of_subject)
    client = AsyncClient(server.url, seconds=PATIENCE)
    mixed: list[str] = []

    def work(name: str) -> None:
        async def main() -> None:
            async with client:
                for _ in range(20):
                    decision = await client.authorize(f"user:{name}", *EDIT[1:])
                    if decision.decision_id != name:
                        mixed.append(name)

        asyncio.run(main())

    threads = [threading.Thread(target=work, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert mixed == []
    assert server.connections == 4


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_forked_process_has_connections_of_its_own(start_server: StartServer) -> None:
    server = start_server(decision_of_subject)
    client = AsyncClient(server.url, seconds=PATIENCE)

    async def ask(name: str) -> bool:
        decision = await client.authorize(f"user:{name}", *EDIT[1:])
        return decision.decision_id == name

    async def main() -> tuple[bool, int, bool]:
        before = await ask("parent")
        child = os.fork()
        if child == 0:
            try:
                asyncio.events._set_running_loop(None)  # noqa: SLF001  as a new process has none
                loop = asyncio.new_event_loop()
                os._exit(0 if loop.run_until_complete(ask("child")) else 1)
            finally:
                os._exit(2)
        _, status = await asyncio.to_thread(os.waitpid, child, 0)
        after = await ask("parent")
        await client.close()
        return before, os.waitstatus_to_exitcode(status), after

    assert asyncio.run(main()) == (True, 0, True)
    assert server.connections == 2


def test_a_call_over_tls_is_answered_if_the_certificate_is_trusted(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.sign("sidecar")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(respond(ALLOW))
        await reader.read()
        writer.close()

    async def main() -> list[Decision]:
        async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
            url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
            trusting = AsyncClient(url, seconds=PATIENCE, tls=authority.context())
            async with trusting, AsyncClient(url, seconds=PATIENCE) as other:
                return [await trusting.authorize(*EDIT), await other.authorize(*EDIT)]

    trusted, untrusted = asyncio.run(main())

    assert trusted
    assert untrusted.unavailable


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.authorize(*EDIT),
        lambda client: client.permissions(EDIT[0], EDIT[2]),
        lambda client: client.search_resources(EDIT[0], EDIT[1], "account"),
        lambda client: client.authorize_all([None]),
    ],
    ids=["authorize", "permissions", "search_resources", "authorize_all"],
)
def test_every_call_of_a_strict_client_raises(
    call: Callable[[AsyncClient], Awaitable[object]],
) -> None:
    async def main() -> None:
        async with StrictAsyncClient("http://127.0.0.1:1") as client:
            await call(client)

    with pytest.raises(UnavailableError):
        asyncio.run(main())


def test_a_pool_without_connections_is_refused() -> None:
    with pytest.raises(ValueError, match="`connections` must be a positive"):
        AsyncClient("http://127.0.0.1:1", connections=0)
