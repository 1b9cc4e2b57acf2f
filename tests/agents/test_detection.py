"""The detector on a log: each copy once, one outbreak once, announced mail not at all."""

from pathlib import Path

import pytest

from domain.detection.traffic import HOUR, RECENT
from domain.hosts import Detection
from tests.agents.sending import DAY, SHOP, START, Host


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_burst_is_found_at_the_next_look_with_its_numbers(host: Host) -> None:
    host.send(60)
    assert host.look(15) == ()
    host.send(200)
    [found] = host.look(15)
    assert found.domain == SHOP
    assert (found.messages, found.copies, found.new, found.judged) == (260, 260, 260, 260)
    assert found.distinct == pytest.approx(260, rel=0.2)
    assert found.seen_at == found.sent_at == found.began_at
    assert found.seen_at.timestamp() == START + 30
    assert found.address == "192.0.2.7"
    assert "260 copies of messages within an hour are more than 200 (the hard cap" in " ".join(
        found.reasons
    )


def test_the_hour_moves_on_so_a_steady_stream_below_the_limit_is_none(host: Host) -> None:
    for _ in range(36):
        host.send(30)
        assert host.look(600) == ()


def test_what_is_usual_is_learned_and_three_times_as_much_is_found(host: Host) -> None:
    host.days(7, copies=40)
    host.send(120)
    assert host.look(15) == ()
    host.send(1)
    [found] = host.look(15)
    assert "3 times its usual: its busiest hour had at most 40" in " ".join(found.reasons)


def test_a_newsletter_at_nine_is_usual_and_no_more_than_that_at_three_in_the_morning(
    host: Host,
) -> None:
    host.days(8, copies=60)
    host.send(120)
    assert host.look(15) == ()
    assert host.look(18 * HOUR) == ()
    host.send(101)
    [found] = host.look(15)
    assert found.copies == 101
    assert "around 3:00 UTC it usually sends at most 0 copies" in " ".join(found.reasons)


def test_the_hours_that_were_learned_survive_a_restart(host: Host) -> None:
    host.days(8, copies=60)
    host.start()
    assert host.detector.memory.senders[SHOP].hours.copies == {"9": (60,) * 8}


def test_one_outbreak_is_told_once_and_again_after_an_hour_if_it_goes_on(host: Host) -> None:
    told: list[Detection] = []
    for _ in range(24 * 2):
        host.send(60)
        told += host.look(300)
    assert [each.seen_at.timestamp() - START for each in told] == [900, 4_500, 8_100, 11_700]
    assert len({each.id for each in told}) == 4
    assert len({each.began_at for each in told}) == 1
    # It may have been mended since it was told: only what was sent of late is after that.
    assert [(each.seen_at - each.sent_at).seconds for each in told] == [0, *[RECENT] * 3]
    assert [each.new for each in told] == [240, 660, 720, 720]


def test_an_update_is_of_mail_that_was_sent_after_the_moment_that_it_gives(host: Host) -> None:
    host.send(300)
    host.look(15)
    # The client mends it at half past; the hour is full of the outbreak when an update is due.
    for _ in range(6):
        host.send(60)
        assert host.look(290) == ()
    assert host.look(HOUR - 6 * 290) == ()
    host.send(2)
    assert host.look(60) == ()


def test_an_outbreak_after_an_hour_of_calm_is_another(host: Host) -> None:
    host.send(300)
    [first] = host.look(15)
    for _ in range(30):
        assert host.look(300) == ()
    host.send(300)
    [second] = host.look(15)
    assert second.began_at > first.began_at
    assert second.new == second.copies == 300


def test_an_announced_campaign_is_not_reported(host: Host) -> None:
    host.announce(1_000)
    host.send(900)
    assert host.look(15) == ()
    host.send(250)
    assert host.look(15) == ()


def test_beyond_the_announced_volume_detection_is_as_ever(host: Host) -> None:
    host.announce(1_000)
    host.send(1_200)
    assert host.look(15) == ()
    host.send(1)
    [found] = host.look(15)
    assert (found.domain, found.copies, found.new) == (SHOP, 201, 201)


def test_after_the_announced_window_detection_is_as_ever(host: Host) -> None:
    host.announce(100_000)
    host.send(900)
    assert host.look(15) == ()
    assert host.look(HOUR) == ()
    host.send(201)
    [found] = host.look(15)
    assert found.copies == 201


def test_before_the_announced_window_detection_is_as_ever(host: Host) -> None:
    host.now += HOUR
    host.announce(1_000)
    host.now -= HOUR
    host.send(300)
    assert len(host.look(15)) == 1


def test_a_campaign_covers_its_own_domain_alone(host: Host) -> None:
    host.announce(1_000, domain="bakery.example")
    host.send(300)
    assert [each.domain for each in host.look(15)] == [SHOP]


def test_behind_a_campaign_of_one_domain_no_other_hides(host: Host) -> None:
    host.announce(100_000)
    host.send(450)
    assert host.look(15) == ()
    for number in range(60):
        host.send(9, domain=f"d{number}.example")
    [found] = host.look(15)
    assert (found.domain, found.copies) == (None, 540)


def test_dead_addresses_of_others_are_found_while_a_campaign_runs(host: Host) -> None:
    host.announce(100_000)
    host.send(150)
    for number in range(40):
        host.send(
            3, domain=f"d{number}.example", status="bounced", dsn="5.1.1", why="host mx said: 550"
        )
    [found] = host.look(15)
    assert (found.domain, found.judged, found.rejected) == (None, 120, 120)


def test_a_campaign_of_the_whole_host_is_used_up_by_all_its_domains_together(host: Host) -> None:
    host.announce(300, domain=None)
    host.send(350)
    assert host.look(15) == ()
    host.send(350, domain="bakery.example")
    assert host.look(15) == ()
    host.send(1, domain="bakery.example")
    assert [each.domain for each in host.look(15)] == ["bakery.example"]


def test_what_was_used_of_a_campaign_is_known_after_a_restart_and_when_it_comes_back(
    host: Host,
) -> None:
    host.announce(300)
    host.send(480)
    assert host.look(15) == ()
    campaigns, host.campaigns = host.campaigns, ()
    assert host.look(15) == ()
    host.campaigns = campaigns
    host.start()
    host.send(21)
    assert len(host.look(15)) == 1


def test_a_campaign_is_not_learned_as_usual(host: Host) -> None:
    host.announce(100_000, hours=24 * 9)
    host.days(8, copies=180)
    usual = host.detector.memory.senders[SHOP].peaks.copies
    host.send(900)
    assert host.look(DAY) == ()
    assert host.detector.memory.senders[SHOP].peaks.copies == (*usual, 200)


def test_dead_addresses_are_found_where_the_rate_is_not(host: Host) -> None:
    host.send(50)
    host.reject(49)
    assert host.look(15) == ()
    host.reject(10)
    [found] = host.look(15)
    assert (found.judged, found.rejected) == (109, 59)
    assert "54.1 % of 109 copies within an hour were rejected" in found.reasons[0]


def test_dead_addresses_of_an_announced_campaign_are_not_reported(host: Host) -> None:
    host.announce(1_000)
    host.reject(150)
    assert host.look(15) == ()


def test_a_network_that_is_down_is_no_outbreak(host: Host) -> None:
    host.send(150, status="deferred", dsn="4.4.1", why="connect to mx[198.51.100.7]:25: timed out")
    assert host.look(15) == ()
    assert host.detector.memory.host.slices[-1].deferred == 0


def test_a_copy_that_is_put_off_and_tried_again_is_one(host: Host) -> None:
    queue_id = host.queued(SHOP)
    for _ in range(300):
        host.queued(SHOP, queue_id)
        host.tried(queue_id, "slow@far.example", "deferred", "4.7.1", "host mx[x] said: 450 later")
    host.look(15)
    host.start()
    host.tried(queue_id, "Slow@far.example")
    host.tried(queue_id, "other@far.example")
    assert host.look(15) == ()
    [part] = host.detector.memory.senders[SHOP].slices
    assert (part.messages, part.copies, part.deferred) == (1, 2, 1)


def test_mail_that_was_held_and_leaves_later_is_no_burst(host: Host) -> None:
    held = [host.queued(SHOP) for _ in range(300)]
    assert host.look(15) == ()
    host.now += HOUR
    for queue_id in held:
        host.queued(SHOP, queue_id)
        host.tried(queue_id, f"{queue_id}@far.example")
    assert host.look(15) == ()


def test_what_is_spread_over_many_domains_is_the_whole_hosts(host: Host) -> None:
    for number in range(60):
        host.send(9, domain=f"d{number}.example")
    [found] = host.look(15)
    assert (found.domain, found.copies) == (None, 540)
    assert found.id.startswith("host-")


def test_what_one_domain_explains_is_not_told_of_the_host_as_well(host: Host) -> None:
    host.send(600)
    host.send(100, domain="bakery.example")
    assert [each.domain for each in host.look(15)] == [SHOP]


def test_bounces_and_senders_that_are_no_domain_count_for_the_host(host: Host) -> None:
    queue_id = "4fXB"
    for number in range(501):
        host.write("qmgr", f"{queue_id}{number}: from=<>, size=9, nrcpt=1 (queue active)")
        host.tried(f"{queue_id}{number}", f"r{number}@far.example")
    assert [each.domain for each in host.look(15)] == [None]
    assert host.detector.memory.senders == {}
