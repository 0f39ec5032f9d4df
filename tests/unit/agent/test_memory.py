"""What an agent remembers over a crash: when it is written, and what is believed of it."""

from __future__ import annotations

import json
import os
import socket
import stat
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

import pytest
from fake_world import World, instance

from vipd.agent.memory import LARGEST_FILE, Entry, Memory, key_of, this_boot
from vipd.core.config import InstanceConfig, Unicast
from vipd.core.model import State
from vipd.core.units import MILLISECOND, SECOND

WEB = Entry(key="web", state=State.MASTER, priority=150, spoke=5 * SECOND)
DNS = Entry(key="dns", state=State.BACKUP, priority=100, spoke=None)
IGNORED = "ignored what an earlier life left behind"
COMPLAINT = "cannot remember what this agent is; after a crash it starts from nothing"


@pytest.fixture
def world() -> World:
    world = World()
    world.now = 10 * SECOND
    return world


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


def memory(world: World, file: Path, boot: str = "this boot") -> Memory:
    """A life of the agent."""
    return Memory(file, world.clock, world.log, boot)  # type: ignore[arg-type]


def spoke_in(file: Path) -> int:
    """The last advert that is written there."""
    spoke: int = json.loads(file.read_text())["spoke"][0]
    return spoke


# -- a life and the next --------------------------------------------------------------------


def test_the_next_life_knows_what_the_last_one_was(world: World, file: Path) -> None:
    memory(world, file).save([WEB, DNS])
    assert memory(world, file).recall() == {"web": WEB, "dns": DNS}
    assert world.log.called(IGNORED) == []


def test_the_file_is_private_and_alone(world: World, file: Path) -> None:
    memory(world, file).save([WEB])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in file.parent.iterdir()] == ["state.json"]


def test_the_first_life_has_nothing_to_recall(world: World, file: Path) -> None:
    assert memory(world, file).recall() == {}
    assert memory(world, file.parent / "missing" / "state.json").recall() == {}
    assert world.log.called(IGNORED) == []


def test_a_life_that_ends_in_order_leaves_nothing(world: World, file: Path) -> None:
    life = memory(world, file)
    life.save([WEB])
    life.forget()
    assert not file.exists()
    life.save([replace(WEB, state=State.INIT)])
    assert not file.exists()
    life.forget()
    assert world.log.called(COMPLAINT) == []


def test_what_a_crash_left_half_written_is_in_nobodys_way(world: World, file: Path) -> None:
    file.with_name("state.json.new").write_text('{"form')
    memory(world, file).save([WEB])
    assert memory(world, file).recall() == {"web": WEB}


# -- when it is written ---------------------------------------------------------------------


def test_a_last_advert_is_written_four_times_a_second_at_most(world: World, file: Path) -> None:
    life = memory(world, file)
    written = set()
    for _ in range(101):
        life.save([replace(WEB, spoke=world.now)])
        written.add(spoke_in(file))
        world.now += 10 * MILLISECOND
    assert sorted(written) == [10 * SECOND + step * 250 * MILLISECOND for step in range(5)]


@pytest.mark.parametrize(
    "change",
    [
        {"state": State.BACKUP, "spoke": None},
        {"spoke": None},
        {"priority": 90},
        {"key": "other"},
    ],
)
def test_any_other_change_is_written_at_once(
    world: World, file: Path, change: dict[str, Any]
) -> None:
    life = memory(world, file)
    life.save([WEB])
    world.now += 1
    changed = replace(WEB, **change)
    life.save([changed])
    assert memory(world, file).recall() == {changed.key: changed}


def test_an_instance_that_goes_or_comes_is_written_at_once(world: World, file: Path) -> None:
    life = memory(world, file)
    for entries in ([WEB], [WEB, DNS], [DNS], []):
        life.save(entries)
        assert list(memory(world, file).recall().values()) == entries


def test_what_did_not_change_is_not_written(world: World, file: Path) -> None:
    life = memory(world, file)
    life.save([WEB, DNS])
    before = file.stat().st_ino, file.stat().st_mtime_ns
    world.now += 3_600 * SECOND
    life.save((WEB, DNS))
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == before


@pytest.fixture
def later(world: World, file: Path) -> Callable[[], None]:
    """A life of which nothing changes but the time. Of two instances, one does not speak."""
    life = memory(world, file)

    def save() -> None:
        world.now += SECOND
        life.save([replace(WEB, spoke=world.now), DNS])

    save()
    return save


def test_when_only_time_has_passed_the_same_file_tells_of_it(
    world: World, file: Path, later: Callable[[], None]
) -> None:
    before = file.stat()
    for _ in range(3):
        later()
        after = file.stat()
        assert (after.st_ino, after.st_size) == (before.st_ino, before.st_size)
        assert memory(world, file).recall() == {"web": replace(WEB, spoke=world.now), "dns": DNS}


def test_a_time_has_its_room_however_long_the_host_has_been_up(world: World, file: Path) -> None:
    world.now = 1
    life = memory(world, file)
    sizes = set()
    for spoke in (1, 2**63 - 1):
        world.now = spoke
        life.save([replace(WEB, spoke=spoke)])
        sizes.add(file.stat().st_size)
        assert memory(world, file).recall()["web"].spoke == spoke
    assert len(sizes) == 1


def test_who_is_killed_while_it_writes_a_time_leaves_nothing_to_believe(
    world: World, file: Path, later: Callable[[], None]
) -> None:
    """Whatever has got into the file by then: only all or nothing of it is believed."""
    old = file.read_bytes()
    later()
    new, known = file.read_bytes(), memory(world, file).recall()
    places = [place for place, was in enumerate(old) if new[place] != was]
    assert len(places) > 2
    for cut in range(places[0] + 1, places[-1] + 1):
        file.write_bytes(new[:cut] + old[cut:])
        assert memory(world, file).recall() in ({}, known)
    assert {line["reason"] for line in world.log.called(IGNORED)} == {
        "it was not written to its end"
    }


@pytest.mark.parametrize("what", ["removed", "replaced", "a link"])
def test_a_file_that_others_have_touched_is_made_anew(
    world: World, file: Path, later: Callable[[], None], what: str
) -> None:
    victim = file.with_name("victim")
    victim.write_text("precious")
    if what == "a link":
        file.unlink()
        file.symlink_to(victim)
    elif what == "replaced":
        victim.rename(file)
    else:
        file.unlink()
    later()
    assert memory(world, file).recall()["web"].spoke == world.now
    assert what != "a link" or victim.read_text() == "precious"


# -- what is not believed -------------------------------------------------------------------


def document(*, spoke: object = (5 * SECOND,), **changes: object) -> str:
    one = {"key": "web", "state": "MASTER", "priority": 150}
    times = list(spoke) if isinstance(spoke, tuple) else spoke
    sum_of_times = zlib.crc32(repr(times).encode())
    known = {"format": 2, "boot": "this boot", "instances": [one], "spoke": times}
    return json.dumps({**known, "sum": sum_of_times, **changes})


def entry(*, spoke: object = 5 * SECOND, **changes: object) -> str:
    one = {"key": "web", "state": "MASTER", "priority": 150, **changes}
    return document(instances=[one], spoke=(spoke,))


USELESS = [
    (b"", "it is not valid JSON"),
    (b"\xff\xfe", "it is not valid JSON"),
    (document().encode()[:-7], "it is not valid JSON"),
    (b"[" * 100_000, "it is not valid JSON"),
    (b'{"format": ' + b"9" * 5_000 + b"}", "it is not valid JSON"),
    (b"null", "it is in a format that this version does not know"),
    (document(format=1).encode(), "it is in a format that this version does not know"),
    (
        document(boot="another").encode(),
        "it was written before this boot, or by another clock",
    ),
    (document(boot=None).encode(), "it was written before this boot, or by another clock"),
    (document(instances={}).encode(), "it has no list of instances"),
    (document(spoke={}).encode(), "it has no list of instances"),
    (document(spoke=()).encode(), "it has another number of times than of instances"),
    (document(sum=0).encode(), "it was not written to its end"),
    (document(sum=None).encode(), "it was not written to its end"),
    (document(instances=[7]).encode(), "it has an instance that is none"),
    (entry(key=7).encode(), "it has an instance that is none"),
    (entry(state="master").encode(), "it has an instance that is none"),
    (entry(state=[]).encode(), "it has an instance that is none"),
    (entry(priority="150").encode(), "it has an instance that is none"),
    (entry(spoke=1.5).encode(), "it has an instance that is none"),
    (entry(state="BACKUP").encode(), "it has an instance that is none"),
    (entry(spoke=10 * SECOND + 1).encode(), "it tells of a time that has not come yet"),
    (b" " * (LARGEST_FILE + 1), f"it is larger than {LARGEST_FILE} bytes"),
]


def test_the_file_of_these_tests_is_good_when_nothing_is_changed(world: World, file: Path) -> None:
    file.write_text(document())
    assert memory(world, file).recall() == {"web": WEB}
    file.write_text(entry(spoke=world.now))
    assert memory(world, file).recall() == {"web": replace(WEB, spoke=world.now)}


@pytest.mark.parametrize(("contents", "reason"), USELESS)
def test_an_odd_file_is_ignored_with_one_line(
    world: World, file: Path, contents: bytes, reason: str
) -> None:
    file.write_bytes(contents)
    assert memory(world, file).recall() == {}
    assert world.log.called(IGNORED) == [{"file": str(file), "reason": reason}]


def test_what_is_no_file_of_ours_is_not_even_read(world: World, file: Path) -> None:
    target = file.with_name("target")
    target.write_text(document())
    file.symlink_to(target)
    assert memory(world, file).recall() == {}
    file.unlink()
    os.mkfifo(file)
    assert memory(world, file).recall() == {}
    file.unlink()
    file.mkdir()
    assert memory(world, file).recall() == {}
    reasons = [line["reason"] for line in world.log.called(IGNORED)]
    assert reasons == [
        "it cannot be read: Too many levels of symbolic links",
        "it is not a file",
        "it cannot be read: Is a directory",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_not_believed(world: World, file: Path) -> None:
    memory(world, file).save([WEB])
    os.chown(file, 65534, 65534)
    assert memory(world, file).recall() == {}
    assert world.log.called(IGNORED)[0]["reason"] == "it belongs to another user"


def test_a_prepared_link_is_not_followed_when_it_is_written(world: World, file: Path) -> None:
    victim = file.with_name("victim")
    victim.write_text("precious")
    file.with_name("state.json.new").symlink_to(victim)
    file.symlink_to(victim)
    memory(world, file).save([WEB])
    assert victim.read_text() == "precious"
    assert not file.is_symlink()
    assert memory(world, file).recall() == {"web": WEB}


def test_where_the_boot_cannot_be_told_nothing_is_believed(world: World, file: Path) -> None:
    memory(world, file, boot="").save([WEB])
    assert memory(world, file, boot="").recall() == {}


def test_this_boot_is_the_same_for_every_process_of_it() -> None:
    assert this_boot() == this_boot()
    assert len(this_boot().split()[0]) == 36


# -- when it cannot be written --------------------------------------------------------------


def test_a_place_that_takes_nothing_costs_one_line(world: World, file: Path) -> None:
    life = memory(world, file.parent / "missing" / "state.json")
    for _ in range(5):
        world.now += SECOND
        life.save([replace(WEB, spoke=world.now)])
    assert [line["error"] for line in world.log.called(COMPLAINT)] == ["No such file or directory"]
    life.forget()
    assert len(world.log.called(COMPLAINT)) == 1


def test_what_can_no_longer_be_written_anew_does_not_stay(world: World, file: Path) -> None:
    """A stale file would say MASTER of one who has stepped down."""
    life = memory(world, file)
    life.save([WEB])
    blocker = file.with_name("state.json.new")
    blocker.mkdir()
    (blocker / "full").touch()
    life.save([DNS])
    assert not file.exists()
    assert len(world.log.called(COMPLAINT)) == 1
    (blocker / "full").unlink()
    blocker.rmdir()
    life.save([WEB])
    assert memory(world, file).recall() == {"web": WEB}


# -- whose it is ----------------------------------------------------------------------------

CONFIG = instance()


@pytest.mark.parametrize(
    "other",
    [
        replace(CONFIG, name="dns"),
        replace(CONFIG, interface="eth1"),
        replace(CONFIG, vrid=52),
        replace(CONFIG, version=2),
        replace(CONFIG, virtual_mac=True),
        replace(CONFIG, addresses=(ip_interface("192.0.2.101/24"),)),
        replace(CONFIG, addresses=(ip_interface(f"{CONFIG.addresses[0].ip}/32"),)),
        replace(CONFIG, unicast=Unicast(peers=(ip_address("192.0.2.12"),))),
    ],
)
def test_a_life_that_serves_something_else_is_another_one(other: InstanceConfig) -> None:
    assert key_of(other) != key_of(CONFIG)


@pytest.mark.parametrize(
    "same",
    [
        replace(CONFIG, priority=7),
        replace(CONFIG, linger=0),
        replace(CONFIG, addresses=tuple(reversed(CONFIG.addresses))),
    ],
)
def test_what_can_change_while_it_runs_does_not_make_another_one(same: InstanceConfig) -> None:
    assert key_of(same) == key_of(CONFIG)


def test_a_socket_in_its_place_is_no_file(world: World, file: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(file))
        assert memory(world, file).recall() == {}
    assert len(world.log.called(IGNORED)) == 1


@pytest.mark.parametrize("count", [1, 255])
def test_what_it_costs(
    world: World, tmp_path: Path, count: int, record_property: Callable[[str, object], None]
) -> None:
    """A figure, with a bound that only a mistake exceeds."""
    life = memory(world, tmp_path / "state.json")
    keys = [key_of(replace(CONFIG, name=f"i{number}")) for number in range(count)]
    costs: dict[str, list[int]] = {"put in place": [], "written over": [], "passed over": []}
    for turn in range(20):
        first = world.now
        for kind, each in costs.items():
            spoke = first if kind == "put in place" else first + SECOND
            entries = [replace(WEB, key=key, priority=turn, spoke=spoke) for key in keys]
            world.now += SECOND
            began = time.perf_counter_ns()
            life.save(entries)
            each.append(time.perf_counter_ns() - began)
    medians = {kind: sorted(each)[10] / MILLISECOND for kind, each in costs.items()}
    told = ", ".join(f"{kind} in {cost:.3f} ms" for kind, cost in medians.items())
    record_property("figure", f"memory of {count} instances: {told}")
    assert medians["put in place"] < 100
