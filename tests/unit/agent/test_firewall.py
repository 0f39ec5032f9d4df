"""What one instance concludes about the firewalls in its way."""

from __future__ import annotations

from ipaddress import ip_address

from vipd.agent.firewall import SOURCES_REMEMBERED, WONDER_LEAST, Firewall
from vipd.core.model import Family
from vipd.core.units import CENTISECOND, SECOND

ONE, TWO = ip_address("192.0.2.12"), ip_address("192.0.2.13")


def proven(firewall: Firewall, now: int = 0) -> int:
    """Of how many senders it is proved that their adverts are dropped."""
    return sum("reach eth0" in text for text in firewall.warnings(now))


def test_in_the_beginning_it_wonders_about_nothing() -> None:
    firewall = Firewall("eth0")
    assert not firewall.wonders(0)
    assert list(firewall.warnings(0)) == []


def test_it_wonders_for_four_intervals_and_two_seconds_at_least() -> None:
    for interval, long in ((SECOND, 4 * SECOND), (CENTISECOND, WONDER_LEAST)):
        firewall = Firewall("eth0")
        firewall.wonder(interval, 7)
        assert firewall.wonders(7 + long - 1)
        assert not firewall.wonders(7 + long)


def test_an_advert_that_no_socket_has_got_is_proof_and_is_said_once() -> None:
    firewall = Firewall("eth0")
    firewall.wonder(SECOND, 0)
    said = [firewall.tapped(ONE, SECOND, 0) for _ in range(3)]
    assert [bool(text) for text in said] == [True, False, False]
    assert [said[0]] == list(firewall.warnings(0))


def test_each_sender_is_named() -> None:
    firewall = Firewall("eth0")
    firewall.wonder(SECOND, 0)
    said = [firewall.tapped(source, SECOND, 0) or "" for source in (ONE, TWO)]
    assert ["192.0.2.12" in said[0], "192.0.2.13" in said[1]] == [True, True]
    assert proven(firewall) == 2


def test_what_the_socket_has_just_got_is_no_proof() -> None:
    firewall = Firewall("eth0")
    firewall.wonder(SECOND, 0)
    firewall.heard(7)
    assert firewall.tapped(ONE, SECOND, 7 + SECOND * 3 // 2 - 1) is None
    assert firewall.tapped(ONE, SECOND, 7 + SECOND * 3 // 2) is not None


def test_a_socket_that_hears_ends_all_doubt() -> None:
    firewall = Firewall("eth0")
    firewall.wonder(SECOND, 0)
    for source in (ONE, TWO):
        firewall.tapped(source, SECOND, 0)
    firewall.heard(SECOND)
    assert proven(firewall) == 0


def test_what_the_tap_told_is_forgotten_with_the_time_and_has_to_be_proved_anew() -> None:
    firewall = Firewall("eth0")
    firewall.wonder(SECOND, 0)
    firewall.tapped(ONE, SECOND, SECOND)
    assert proven(firewall, 5 * SECOND - 1) == 1
    assert proven(firewall, 5 * SECOND) == 0
    firewall.wonder(SECOND, 9 * SECOND)
    assert proven(firewall, 9 * SECOND) == 0
    assert firewall.tapped(ONE, SECOND, 9 * SECOND) is not None


def test_a_flood_of_senders_is_bounded() -> None:
    firewall = Firewall("eth0")
    firewall.wonder(SECOND, 0)
    for last in range(200):
        firewall.tapped(ip_address(f"198.51.100.{last}"), SECOND, 0)
    assert proven(firewall) == SOURCES_REMEMBERED


def test_a_refused_family_is_said_once_and_stays_until_one_is_sent() -> None:
    firewall = Firewall("eth0")
    text = firewall.refuse(Family.IPV6, SECOND, 0)
    assert text is not None
    assert "IPv6" in text
    assert "eth0" in text
    assert firewall.refuse(Family.IPV6, SECOND, SECOND) is None
    firewall.permit(Family.IPV4)
    assert list(firewall.warnings(SECOND)) == [text]
    firewall.permit(Family.IPV6)
    assert list(firewall.warnings(SECOND)) == []
    assert firewall.refuse(Family.IPV6, SECOND, SECOND) == text


def test_a_refusal_is_over_when_nothing_is_sent_any_more() -> None:
    firewall = Firewall("eth0")
    firewall.refuse(Family.IPV4, SECOND, 0)
    assert len(list(firewall.warnings(4 * SECOND - 1))) == 1
    assert list(firewall.warnings(4 * SECOND)) == []
