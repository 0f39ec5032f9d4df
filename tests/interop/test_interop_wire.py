"""What is on the wire: the two forms of the checksum, and what tshark says of every packet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from interop_bench import Bench, Row, View, both_serve, only_peer_serves, only_vipd_serves
from interop_expect import (
    HIGH,
    PEER_FIRST,
    VIPD_FIRST,
    expect_word,
    has_said_enough,
    note_refusal,
    vipd_is_master,
)
from interop_mode import QUICK_OVER_IPV4, Mode, Role
from wiretap import verdicts

from vipd.core.units import SECOND


def test_auto_follows_the_form_that_the_peer_uses(bench: Bench, row: Row) -> None:
    with row("checksum auto", QUICK_OVER_IPV4) as cells:
        cells.arrange(PEER_FIRST, only_peer_serves)
        expect_word(bench, cells, of_vipd=False)
        bench.stop_peer()
        cells.expect("after the peer's end", vipd_is_master, SECOND)
        cells.check(lambda mode: form_on_the_wire(bench, mode, message=mode.message_checksum))


@pytest.mark.parametrize("form", ["rfc5798", "rfc9568"])
def test_a_pinned_form_is_sent_whatever_the_peer_uses(bench: Bench, row: Row, form: str) -> None:
    with row(f"checksum {form}", QUICK_OVER_IPV4) as cells:
        pinned = Role(priority=HIGH, checksum="rfc9568" if form == "rfc9568" else "rfc5798")
        cells.arrange(replace(VIPD_FIRST, vipd=pinned), vipd_is_master)
        cells.expect("some adverts later", has_said_enough, SECOND)
        cells.expect("the peer has judged", the_peer_judges(form), 0)
        cells.check(lambda mode: form_on_the_wire(bench, mode, message=form == "rfc9568"))
        note_refusal(bench, cells)


def the_peer_judges(form: str) -> Callable[[View, Mode], bool]:
    """A daemon that only knows the form of RFC 5798 does not hear the other."""

    def judged(view: View, mode: Mode) -> bool:
        deaf = form == "rfc9568" and not mode.message_checksum
        return both_serve(view, mode) if deaf else only_vipd_serves(view, mode)

    return judged


def form_on_the_wire(bench: Bench, mode: Mode, *, message: bool) -> str | None:
    """Whether vipd's last advert in this mode has the checksum in this form, as tshark sees it."""
    judged = verdicts(bench.wire.file, bench.vipd_macs, message_checksum=message)
    last = next(one for one in reversed(judged) if one.vrid == mode.vrid)
    return None if last.checksum_good else f"packet {last.number} has the other checksum"


def test_tshark_finds_no_fault_in_what_vipd_has_sent(bench: Bench, row: Row) -> None:
    with row("tshark: every packet of vipd") as cells:
        cells.arrange(VIPD_FIRST, only_vipd_serves)
        expect_word(bench, cells, of_vipd=True)
        faults = bench.faults()
        cells.check(lambda mode: faults.get(mode.vrid))
        seen = verdicts(bench.wire.file, bench.vipd_macs, message_checksum=False)
        assert {one.vrid for one in seen} == {mode.vrid for mode in cells.modes}
