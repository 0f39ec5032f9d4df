"""The journal: what is kept, what the next life knows of it, who is told, and what it costs."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from fake_world import World
from stepped_loop import SteppedLoop, run_stepped

from vipd.agent.journal import LONGEST_TEXT, MOST_EVIDENCE, Journal
from vipd.agent.journal_file import LARGEST_READ, MOST_LINES, journal_beside, read_journal
from vipd.agent.journal_ring import RING
from vipd.control.messages import ErrorReply, FollowRequest, HistoryReply, HistoryRequest, Reply
from vipd.control.report import EventReport
from vipd.core.model import State
from vipd.core.units import MILLISECOND, SECOND

BORN = 1_767_323_647_000
"""The wall's clock of these tests in milliseconds: 2026-01-02T03:14:07Z."""

IGNORED = "ignored the journal"
ODD = "left out odd lines of the journal"
COMPLAINT = "cannot write the journal; what happens is forgotten when the agent ends"


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return journal_beside(tmp_path / "control.sock")


def journal(world: World, file: Path, wall_ms: int = BORN) -> Journal:
    """A life of the agent."""
    return Journal(file, world.clock, world.log, lambda: wall_ms * MILLISECOND)  # type: ignore[arg-type]


def played(play: Callable[[SteppedLoop], Any]) -> None:
    """Run what needs a loop, on one whose time jumps."""

    async def main(loop: SteppedLoop) -> None:
        result = play(loop)
        if asyncio.iscoroutine(result):
            await result

    run_stepped(main)


async def settled(loop: SteppedLoop) -> None:
    """Let all that is to happen later have happened."""
    later = loop.create_future()
    loop.call_later(1, later.set_result, None)
    await later


def live(world: World, file: Path, *texts: str, wall_ms: int = BORN) -> list[int]:
    """A life in which this happens; the numbers that the events had."""
    numbers: list[int] = []

    def play(_: SteppedLoop) -> None:
        life = journal(world, file, wall_ms)
        numbers.extend(life.note("agent", "happened", text).seq for text in texts)
        life.close()

    played(play)
    return numbers


def texts(events: tuple[EventReport, ...]) -> list[str]:
    return [event.text for event in events]


def inode(file: Path) -> int:
    return file.stat().st_ino


def remove(file: Path) -> None:
    file.unlink()


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


# -- what is noted --------------------------------------------------------------------------


def test_an_event_has_its_number_its_moment_and_all_that_was_said(world: World, file: Path) -> None:
    def play(_: SteppedLoop) -> None:
        life = journal(world, file)
        event = life.note(
            "transition",
            "master_silent",
            "no advert",
            instance="web",
            old=State.BACKUP,
            new=State.MASTER,
            evidence=["probe unanswered"],
            timings_ms={"claimed": 1.8},
        )
        life.close()
        assert event == EventReport(
            seq=BORN,
            at="2026-01-02T03:14:07.000Z",
            kind="transition",
            code="master_silent",
            text="no advert",
            instance="web",
            old=State.BACKUP,
            new=State.MASTER,
            evidence=("probe unanswered",),
            timings_ms={"claimed": 1.8},
        )
        assert life.recent() == (event,)
        assert journal(world, file).recent() == (event,)

    played(play)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("a\nb\x1b[2J", "a b [2J"),
        ("\udcff", " "),
        ("x" * 10_000, "x" * LONGEST_TEXT),
        ("straße 東京", "straße 東京"),
    ],
)
def test_what_others_have_written_can_neither_fill_nor_rule_a_terminal(
    world: World, file: Path, said: str, kept: str
) -> None:
    def play(_: SteppedLoop) -> None:
        life = journal(world, file)
        event = life.note("hook", "failed", said, evidence=[said] * 100)
        life.close()
        assert event.text == kept
        assert event.evidence == (kept,) * MOST_EVIDENCE
        assert journal(world, file).recent() == (event,)

    played(play)


def test_only_the_last_events_are_kept(world: World, file: Path) -> None:
    def play(_: SteppedLoop) -> None:
        life = journal(world, file)
        for number in range(RING + 10):
            life.note("agent", "happened", str(number))
        assert texts(life.recent(limit=2)) == [str(RING + 8), str(RING + 9)]
        events, missed = life.after(0, limit=RING)
        assert (events[0].text, len(events), missed) == ("10", RING, 10)
        life.close()

    played(play)


# -- who asks -------------------------------------------------------------------------------


def some(life: Journal) -> list[int]:
    """Five events: of two instances, one of nobody's, and of two kinds."""
    happened = [("a", "transition"), ("b", "incident"), ("a", "incident"), (None, "order")]
    happened.append(("b", "transition"))
    return [life.note(kind, "code", "text", instance=name).seq for name, kind in happened]


def chosen(events: tuple[EventReport, ...], numbers: list[int]) -> list[int]:
    return [numbers.index(event.seq) for event in events]


def test_the_recent_ones_are_the_last_in_order(world: World, file: Path) -> None:
    def play(_: SteppedLoop) -> None:
        life = journal(world, file)
        numbers = some(life)
        assert chosen(life.recent(), numbers) == [0, 1, 2, 3, 4]
        assert chosen(life.recent(limit=2), numbers) == [3, 4]
        assert chosen(life.recent("a"), numbers) == [0, 2]
        assert chosen(life.recent(None, "incident"), numbers) == [1, 2]
        assert chosen(life.recent("b", "incident", 1), numbers) == [1]
        life.close()

    played(play)


def test_those_after_an_event_are_the_first_that_followed(world: World, file: Path) -> None:
    def play(_: SteppedLoop) -> None:
        life = journal(world, file)
        numbers = some(life)
        events, missed = life.after(numbers[1], limit=2)
        assert (chosen(events, numbers), missed) == ([2, 3], 0)
        assert chosen(life.after(numbers[0], "b")[0], numbers) == [1, 4]
        assert life.after(numbers[4]) == ((), 0)
        assert life.after(numbers[0] - 1)[1] == 0
        life.close()

    played(play)


@pytest.mark.parametrize("strange", [7, BORN - 2, BORN + 5, 10**15])
def test_a_number_of_another_journal_gets_all_and_has_missed_something(
    world: World, file: Path, strange: int
) -> None:
    def play(_: SteppedLoop) -> None:
        life = journal(world, file)
        some(life)
        events, missed = life.after(strange)
        assert (len(events), missed) == (5, 1)
        life.close()

    played(play)


def test_a_request_is_answered(world: World, file: Path) -> None:
    def play(_: SteppedLoop) -> None:
        life = journal(world, file)
        numbers = some(life)
        reply = life.reply(HistoryRequest(name="a", limit=1), "alpha", ["a"])
        assert reply == HistoryReply(node="alpha", events=life.recent("a", limit=1))
        reply = life.reply(HistoryRequest(after=numbers[2]), "alpha", [])
        assert reply == HistoryReply(node="alpha", events=life.recent(limit=2))
        reply = life.reply(HistoryRequest(after=7), "alpha", [])
        assert isinstance(reply, HistoryReply)
        assert reply.missed == 1
        life.close()

    played(play)


def test_a_name_is_known_by_the_configuration_or_by_what_it_did(world: World, file: Path) -> None:
    def play(_: SteppedLoop) -> None:
        life = journal(world, file)
        some(life)

        def ask(name: str) -> Reply:
            return life.reply(HistoryRequest(name=name), "alpha", ["web"])

        assert ask("web") == HistoryReply(node="alpha", events=())
        assert isinstance(ask("b"), HistoryReply)
        assert ask("wbe") == ErrorReply(
            error="there is no instance 'wbe' here; did you mean 'web'?"
        )
        assert life.refusal(None, []) is None
        life.close()

    played(play)


# -- who is told ----------------------------------------------------------------------------


def test_listeners_hear_of_each_event_soon_after_and_until_they_leave(
    world: World, file: Path
) -> None:
    async def play(loop: SteppedLoop) -> None:
        life = journal(world, file)
        heard: list[EventReport] = []
        before = life.note("agent", "happened", "before")
        leave = life.subscribe(heard.append)
        after = life.note("agent", "happened", "after")
        assert heard == []
        await settled(loop)
        assert heard == [after]
        assert before.seq + 1 == after.seq
        leave()
        leave()
        life.note("agent", "happened", "gone")
        life.close()
        assert heard == [after]

    played(play)


def test_who_follows_is_told_all_that_he_missed_in_portions_and_then_the_rest(
    world: World, file: Path
) -> None:
    async def play(loop: SteppedLoop) -> None:
        life = journal(world, file)
        numbers = [life.note("agent", "happened", str(n)).seq for n in range(1000)]
        heard: list[int] = []
        feed = life.feed(FollowRequest(after=numbers[99]))
        end = feed.attach(lambda event: heard.append(event.seq))
        assert 0 < len(heard) < 500
        await asyncio.sleep(0)
        numbers.append(life.note("agent", "happened", "meanwhile").seq)
        await settled(loop)
        assert heard == numbers[100:]
        end()
        life.note("agent", "happened", "gone")
        life.close()
        assert heard == numbers[100:]

    played(play)


def test_who_leaves_while_he_catches_up_is_told_no_more(world: World, file: Path) -> None:
    async def play(loop: SteppedLoop) -> None:
        life = journal(world, file)
        for number in range(1000):
            life.note("agent", "happened", str(number))
        heard: list[EventReport] = []
        life.feed(FollowRequest(after=0)).attach(heard.append)()
        told = len(heard)
        await settled(loop)
        assert len(heard) == told < 1000
        life.close()

    played(play)


def test_who_follows_without_a_number_hears_what_comes_of_what_he_asked_for(
    world: World, file: Path
) -> None:
    def play(_: SteppedLoop) -> None:
        life = journal(world, file)
        some(life)
        heard: list[EventReport] = []
        life.feed(FollowRequest(name="b", kind="incident")).attach(heard.append)
        numbers = some(life)
        life.close()
        assert [event.seq for event in heard] == [numbers[1]]

    played(play)


# -- the next life --------------------------------------------------------------------------


def test_the_next_life_counts_on_and_knows_what_was(world: World, file: Path) -> None:
    first = live(world, file, "a", "b")
    second = live(world, file, "c", wall_ms=BORN - 1_000_000)
    assert second == [first[-1] + 1]
    assert texts(journal(world, file).recent()) == ["a", "b", "c"]
    assert world.log.lines == []


def test_a_journal_that_was_lost_begins_with_a_greater_number(world: World, file: Path) -> None:
    last = live(world, file, "a", "b")[-1]
    file.unlink()
    live(world, file, "c", wall_ms=BORN + 60_000)
    events, missed = journal(world, file).after(last)
    assert (texts(events), missed) == (["c"], 1)


def test_whoever_may_look_at_the_agent_may_read_the_file(world: World, file: Path) -> None:
    live(world, file, "a")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [one.name for one in file.parent.iterdir()] == ["journal.jsonl"]


def test_the_lines_are_those_of_the_stream_after_the_first(world: World, file: Path) -> None:
    live(world, file, "a")
    head, line = lines(file)
    assert head == {"journal": 1, "born": BORN}
    assert (line["seq"], line["text"], line["at"]) == (BORN, "a", "2026-01-02T03:14:07.000Z")


def test_a_life_appends_to_a_file_of_its_own(world: World, file: Path) -> None:
    live(world, file, "a")
    before = file.stat().st_ino

    async def play(loop: SteppedLoop) -> None:
        life = journal(world, file)
        inodes = []
        for text in ("b", "c", "d"):
            life.note("agent", "happened", text)
            await settled(loop)
            inodes.append(inode(file))
        assert before != inodes[0] == inodes[1] == inodes[2]
        life.close()

    played(play)
    assert [line["text"] for line in lines(file)[1:]] == ["a", "b", "c", "d"]


def test_a_file_of_twice_as_many_lines_is_written_anew(world: World, file: Path) -> None:
    async def play(loop: SteppedLoop) -> None:
        life = journal(world, file)
        lengths, last = [], ""
        for number in range(2 * MOST_LINES):
            last = str(number)
            life.note("agent", "happened", last)
            if number % 500 == 499:
                await settled(loop)
                lengths.append(len(lines(file)) - 1)
        assert max(lengths) <= MOST_LINES
        assert min(lengths[4:]) == RING
        life.close()
        assert lines(file)[0] == {"journal": 1, "born": BORN}
        assert read_journal(file).odd == 0

    played(play)


def test_a_directory_that_was_emptied_gets_a_new_file(world: World, file: Path) -> None:
    async def play(loop: SteppedLoop) -> None:
        life = journal(world, file)
        for seen in (["a"], ["a", "b"]):
            life.note("agent", "happened", seen[-1])
            await settled(loop)
            assert [line["text"] for line in lines(file)[1:]] == seen
            remove(file)
        life.close()

    played(play)


# -- what is not believed -------------------------------------------------------------------


def event(number: int, **changes: object) -> bytes:
    known = {"seq": number, "at": "2026-01-02T03:14:07.000Z", "kind": "agent", "code": "c"}
    return json.dumps({**known, "text": f"event {number}", **changes}).encode() + b"\n"


HEAD = b'{"journal": 1, "born": 1}\n'
ODD_LINES = [
    b"\n".join([b"[" * 100_000, b""]),
    b"\xff\xfe\n",
    b"null\n",
    b'{"ok": false, "error": "refused"}\n',
    event(3, seq=1),
    event(3, seq=2**53),
    event(3, seq="3"),
    event(3, at="yesterday"),
    event(3, text="\x1b[2J"),
    event(3, evidence=["\x07"]),
    event(3, instance="a\nb"),
    event(3, new="Master"),
    event(3)[:-9] + b"\n",
]


@pytest.mark.parametrize("odd", ODD_LINES)
def test_an_odd_line_costs_itself_and_one_line_of_the_log(
    world: World, file: Path, odd: bytes
) -> None:
    file.write_bytes(HEAD + event(1) + event(2) + odd + event(4, later_key=7))
    life = journal(world, file)
    assert texts(life.recent()) == ["event 1", "event 2", "event 4"]
    assert life.after(1)[1] == 1
    assert world.log.lines == [(ODD, {"file": str(file), "lines": 1})]


@pytest.mark.parametrize(
    "head",
    [b"", b'{"journal": 1}\n', b'{"journal": 1, "born": 1e9}\n', b'{"journal": 2, "born": 1}\n'],
)
def test_without_its_first_line_a_journal_begins_with_its_first_event(
    world: World, file: Path, head: bytes
) -> None:
    file.write_bytes(head + event(5) + event(6))
    life = journal(world, file)
    assert [one.seq for one in life.recent()] == [5, 6]
    assert life.after(4)[1] == 0
    assert life.after(3)[1] == 1


@pytest.mark.parametrize("contents", [b"", b"\n\n", HEAD, b"\0" * 5000, HEAD + b"\0" * 5000])
def test_a_file_without_an_event_begins_a_journal(
    world: World, file: Path, contents: bytes
) -> None:
    file.write_bytes(contents)
    assert live(world, file, "a") == [BORN]


def test_the_end_of_a_life_that_crashed_is_in_nobodys_way(world: World, file: Path) -> None:
    live(world, file, "a", "b")
    file.write_bytes(file.read_bytes()[:-20])
    live(world, file, "c")
    assert texts(journal(world, file).recent()) == ["a", "c"]


def test_of_a_file_that_is_too_large_the_end_is_read(world: World, file: Path) -> None:
    file.write_bytes(HEAD + b"x" * LARGEST_READ + b"\n" + event(8) + event(9))
    began = time.monotonic()
    assert texts(journal(world, file).recent()) == ["event 8", "event 9"]
    file.write_bytes(HEAD + b"\n{" * (LARGEST_READ // 2 - 500) + b"\n" + event(8) + event(9))
    assert texts(journal(world, file).recent()) == ["event 8", "event 9"]
    assert time.monotonic() - began < 5


def test_what_is_no_file_of_ours_is_not_even_read(world: World, file: Path) -> None:
    target = file.with_name("target")
    target.write_bytes(HEAD + event(1))
    file.symlink_to(target)
    assert journal(world, file).recent() == ()
    file.unlink()
    os.mkfifo(file)
    assert journal(world, file).recent() == ()
    file.unlink()
    file.mkdir()
    assert journal(world, file).recent() == ()
    reasons = [line["reason"] for line in world.log.called(IGNORED)]
    assert reasons == [
        "it cannot be read: Too many levels of symbolic links",
        "it is not a file",
        "it cannot be read: Is a directory",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_not_believed_and_replaced(world: World, file: Path) -> None:
    live(world, file, "a")
    os.chown(file, 65534, 65534)
    live(world, file, "b")
    assert world.log.called(IGNORED)[0]["reason"] == "it belongs to another user"
    assert file.stat().st_uid == 0
    assert [line["text"] for line in lines(file)[1:]] == ["b"]


def test_a_prepared_link_is_not_followed_when_it_is_written(world: World, file: Path) -> None:
    victim = file.with_name("victim")
    victim.write_text("precious")
    file.with_name("journal.jsonl.new").symlink_to(victim)
    file.symlink_to(victim)
    live(world, file, "a")
    assert victim.read_text() == "precious"
    assert not file.is_symlink()
    assert lines(file)[1]["text"] == "a"


# -- when it cannot be written --------------------------------------------------------------


def test_a_place_that_takes_nothing_costs_one_line_and_is_left_alone(
    world: World, file: Path
) -> None:
    place = file.parent / "missing"

    def play(_: SteppedLoop) -> None:
        life = journal(world, place / "journal.jsonl")
        for text in ("a", "b"):
            life.note("agent", "happened", text)
            life.close()
            world.now += 60 * SECOND
        assert [line["error"] for line in world.log.called(COMPLAINT)] == [
            "No such file or directory"
        ]
        assert texts(life.recent()) == ["a", "b"]
        place.mkdir()
        life.note("agent", "happened", "c")
        life.close()
        place.joinpath("journal.jsonl").unlink()
        place.rmdir()
        life.note("agent", "happened", "d")
        life.close()
        place.mkdir()
        life.note("agent", "happened", "too soon")
        life.close()
        assert list(place.iterdir()) == []
        world.now += 10 * SECOND
        life.note("agent", "happened", "e")
        life.close()

    played(play)
    assert [one["text"] for one in lines(place / "journal.jsonl")[1:]] == [
        "a",
        "b",
        "c",
        "d",
        "too soon",
        "e",
    ]
    assert len(world.log.lines) == 1


def test_a_file_that_took_half_a_line_is_written_anew(world: World, file: Path) -> None:
    """Where a file system is full: Linux has a device that always is."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this machine has no /dev/full")

    async def play(loop: SteppedLoop) -> None:
        life = journal(world, file)
        life.note("agent", "happened", "a")
        await settled(loop)
        out = life._file._out
        assert out is not None
        device = os.open(full, os.O_WRONLY)
        os.dup2(device, out.fileno())
        os.close(device)
        life.note("agent", "happened", "b")
        await settled(loop)
        world.now += 10 * SECOND
        life.note("agent", "happened", "c")
        life.close()

    played(play)
    assert [line["text"] for line in lines(file)[1:]] == ["a", "b", "c"]
    assert world.log.called(COMPLAINT)[0]["error"] == "No space left on device"


# -- what it costs --------------------------------------------------------------------------


def passage(life: Journal, number: int) -> None:
    life.note(
        "transition",
        "master_silent",
        "no advert from 192.0.2.12 (last priority 150) for 3.414 s: 3 adverts missed",
        instance=f"i{number}",
        old=State.BACKUP,
        new=State.MASTER,
        evidence=("probe unanswered",),
        timings_ms={"claimed": 1.8, "advertised": 2.0, "announced": 2.3},
    )


def test_a_slice_ends_when_others_have_waited_long_enough(world: World, file: Path) -> None:
    async def play(loop: SteppedLoop) -> None:
        life = journal(world, file)
        heard: list[EventReport] = []

        runs: list[int] = []

        def hear(event: EventReport) -> None:
            if not heard:
                loop.call_soon(others)
            heard.append(event)
            world.now += MILLISECOND // 10

        def others() -> None:
            runs.append(len(heard) - sum(runs))
            if len(heard) < 255:
                loop.call_soon(others)

        life.subscribe(hear)
        for number in range(255):
            passage(life, number)
        await settled(loop)
        assert sum(runs) == 255
        assert max(runs) == 10
        life.close()
        assert len(lines(file)) == 256

    played(play)


def test_what_it_costs(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """Figures, with bounds that only a mistake exceeds."""
    place = Path("/dev/shm") if Path("/dev/shm").is_dir() else tmp_path
    file = place / f"vipd-test-{os.getpid()}.jsonl"
    world = World()

    async def play(_: SteppedLoop) -> None:
        life = Journal(file, time.monotonic_ns, world.log)  # type: ignore[arg-type]
        noted, bursts = list[int](), list[int]()
        for number in range(RING):
            began = time.perf_counter_ns()
            passage(life, number)
            noted.append(time.perf_counter_ns() - began)
            life._tell_slice()
            noted[-1] = time.perf_counter_ns() - began
        for _turn in range(10):
            began = time.perf_counter_ns()
            for number in range(255):
                passage(life, number)
            while life._fresh:
                life._tell_slice()
            bursts.append(time.perf_counter_ns() - began)
        life.close()
        one_us, burst_ms = median(noted) / 1000, median(bursts) / MILLISECOND
        text = f"journal: one event {one_us:.1f} µs, 255 at once {burst_ms:.2f} ms, written"
        record_property("figure", text)
        assert one_us < 500
        assert burst_ms < 50

    try:
        played(play)
    finally:
        file.unlink(missing_ok=True)
