"""What a destination that is slow, or has had enough, costs: itself, and nobody else."""

import asyncio
import time

import pytest
from tests.channels.destination_server import DestinationServer, Manner
from tests.channels.mail import BODY, make_envelopes, open_channel
from tests.channels.smtp_server import SILENCE, SmtpServer

from tocsin.channels import smtp_batch, smtp_destinations
from tocsin.channels.contract import Envelope, Outcome
from tocsin.channels.smtp_destinations import Destination, Destinations
from tocsin.channels.smtp_pace import LONGEST_WAIT_SECONDS, WaitingList
from tocsin.channels.smtp_trouble import AFTER, Lost
from tocsin.channels.smtp_wire import Reply
from tocsin.core.configuration_senders import DomainLimit, SmtpSender

WAYS = ["8BITMIME", "PIPELINING"]


def to(domain, count, first=0):
    return [
        Envelope(f"{number:06}{domain:6.6}".encode(), "shop@example.com", f"customer{number}@{domain}", BODY)
        for number in range(first, first + count)
    ]


def make_outcome(state="sent", code=250, text="2.0.0 Ok"):
    return Outcome(b"0123456789ab", state, code, text)


@pytest.mark.parametrize("offers", WAYS)
async def test_a_destination_at_its_limit_is_passed_over_while_others_go_out(offers):
    limits = (DomainLimit(match=("slow.example",), connections=2),)
    async with (
        DestinationServer(
            {"slow.example": Manner(seconds=0.05), "quick.example": Manner(seconds=0.005)}, offers=offers
        ) as server,
        open_channel(server.port, connections=6, domains=limits) as channel,
    ):
        outcomes = await channel.send([*to("slow.example", 10), *to("quick.example", 40)])
        assert {outcome.state for outcome in outcomes} == {"sent"}
        assert server.most["slow.example"] == 2
        assert server.most["quick.example"] >= 3
        assert server.arrived[-1].endswith("@slow.example")
        assert sum(one.endswith("@slow.example") for one in server.arrived[:40]) <= 4


@pytest.mark.parametrize("offers", WAYS)
async def test_a_limit_holds_for_all_batches_and_for_all_names_of_a_destination(offers):
    limits = (DomainLimit(match=("gmail.example", "googlemail.example"), connections=2),)
    manners = {name: Manner(seconds=0.02) for name in ("gmail.example", "googlemail.example")}
    async with (
        DestinationServer(manners, offers=offers) as server,
        open_channel(server.port, connections=8, domains=limits) as channel,
    ):
        batches = [to("gmail.example", 4), to("GoogleMail.example", 4, 4), to("googlemail.example", 4, 8)]
        outcomes = await asyncio.gather(*(channel.send(batch) for batch in batches))
        assert all(outcome.state == "sent" for batch in outcomes for outcome in batch)
        assert server.most["gmail.example"] + server.most["googlemail.example"] <= 4
        assert max(server.most.values()) <= 2
        assert len(server.arrived) == 12


async def test_domains_that_fit_a_form_are_destinations_of_their_own():
    limits = (DomainLimit(match=("*",), connections=1),)
    manners = {f"d{number}.example": Manner(seconds=0.05) for number in range(4)}
    async with (
        DestinationServer(manners) as server,
        open_channel(server.port, connections=8, domains=limits) as channel,
    ):
        began_at = time.monotonic()
        await channel.send([one for domain in manners for one in to(domain, 3)])
        assert time.monotonic() - began_at < 0.4
        assert set(server.most.values()) == {1}


async def test_a_destination_has_a_pace_of_its_own():
    limits = (DomainLimit(match=("slow.example",), messages_per_second=50),)
    async with DestinationServer() as server, open_channel(server.port, connections=5, domains=limits) as channel:
        began_at = time.monotonic()
        outcomes = await channel.send([*to("slow.example", 20), *to("quick.example", 20)])
        assert 0.25 < time.monotonic() - began_at < 1.5
        assert {outcome.state for outcome in outcomes} == {"sent"}
        assert server.count("quick.example") == 20
        assert all(one.endswith("@slow.example") for one in server.arrived[-10:])


@pytest.mark.parametrize("limits", [{"messages_per_second": 5.0}, {"domains": (DomainLimit(("*",), 0, 5.0),)}])
async def test_what_does_not_fit_soon_comes_back_untried_each_at_its_own_time(monkeypatch, limits):
    monkeypatch.setattr(smtp_batch, "PATIENCE_SECONDS", 0.3)
    async with DestinationServer() as server, open_channel(server.port, connections=3, **limits) as channel:
        began_at = time.monotonic()
        outcomes = await channel.send(to("a.example", 50))
        assert time.monotonic() - began_at < 1
        left = [outcome for outcome in outcomes if outcome.state == "deferred"]
        assert len(server.arrived) == 50 - len(left)
        assert 45 <= len(left) < 50
        assert not any(outcome.is_tried or outcome.may_go_elsewhere for outcome in left)
        times = [outcome.retry_after_seconds for outcome in left]
        assert times == sorted(times)
        assert times[-1] - times[0] == pytest.approx(0.2 * (len(left) - 1), rel=0.01)


async def test_a_slow_server_does_not_hold_a_batch_for_long(monkeypatch):
    monkeypatch.setattr(smtp_batch, "PATIENCE_SECONDS", 0.15)
    async with (
        DestinationServer({"a.example": Manner(seconds=0.1)}) as server,
        open_channel(server.port, connections=2) as channel,
    ):
        outcomes = await channel.send(to("a.example", 100))
        left = [outcome for outcome in outcomes if outcome.state == "deferred"]
        assert len(server.arrived) == 100 - len(left) <= 6
        assert not any(outcome.is_tried for outcome in left)
        assert 1 < left[-1].retry_after_seconds < 10


async def test_a_destination_that_has_had_enough_rests_and_others_go_on(monkeypatch):
    monkeypatch.setattr(smtp_destinations, "FIRST_REST_SECONDS", 0.2)
    manners = {"full.example": Manner("451 4.7.500 Server busy")}
    async with DestinationServer(manners) as server, open_channel(server.port, connections=4) as channel:
        outcomes = await channel.send([*to("full.example", 50), *to("quick.example", 50)])
        assert server.count("quick.example") == 50
        assert len(server.asked) <= 54
        full = outcomes[:50]
        assert {outcome.state for outcome in full} == {"deferred"}
        assert sum(outcome.is_tried for outcome in full) == len(server.asked) - 50
        rested = next(outcome for outcome in full if not outcome.is_tried)
        assert rested.text.startswith("4.7.500 Server busy; full.example is left alone for another")
        assert 0 < rested.retry_after_seconds <= 0.2
        assert rested.code == 451
        asked = len(server.asked)
        assert not any(one.is_tried for one in await channel.send(to("full.example", 10)))
        assert len(server.asked) == asked


async def test_after_its_rest_one_message_asks_a_destination_again_and_the_others_follow(monkeypatch):
    monkeypatch.setattr(smtp_destinations, "FIRST_REST_SECONDS", 0.1)
    manners = {"a.example": Manner("451 4.7.1 Too many")}
    async with DestinationServer(manners) as server, open_channel(server.port, connections=5) as channel:
        await channel.send(to("a.example", 1))
        await asyncio.sleep(0.11)
        asked = len(server.asked)
        outcomes = await channel.send(to("a.example", 20))
        assert len(server.asked) == asked + 1
        assert sum(outcome.is_tried for outcome in outcomes) == 1
        server.manners["a.example"] = Manner()
        await asyncio.sleep(0.21)
        assert {outcome.state for outcome in await channel.send(to("a.example", 20))} == {"sent"}


@pytest.mark.parametrize(
    "answer",
    ["452 4.2.2 Mailbox full", "450 4.2.1 Receiving too quickly", "450 4.1.2 No such domain now"],
)
async def test_a_full_mailbox_rests_nobody(answer):
    async with DestinationServer({"a.example": Manner(answer)}) as server, open_channel(server.port) as channel:
        outcomes = await channel.send(to("a.example", 20))
        assert len(server.asked) == 20
        assert all(outcome.is_tried and outcome.state == "deferred" for outcome in outcomes)


async def test_one_recipient_who_is_greylisted_rests_nobody_and_three_in_a_row_do():
    async with (
        DestinationServer({"a.example": Manner("451 4.7.1 Greylisting in action")}) as server,
        open_channel(server.port) as channel,
    ):
        for _ in range(5):
            (outcome,) = await channel.send(to("a.example", 1))
            assert outcome.is_tried
        await channel.send(to("a.example", 20, 1))
        assert len(server.asked) == 5 + 2


@pytest.mark.parametrize(("offers", "waiting"), [(("8BITMIME",), 0), (("8BITMIME", "PIPELINING"), 2)])
async def test_all_but_those_on_silent_connections_are_out_at_once(offers, waiting):
    async with (
        SmtpServer({"content": [SILENCE, SILENCE]}, offers=offers) as server,
        open_channel(server.port, connections=5, timeout_seconds=0.8) as channel,
    ):
        began_at = time.monotonic()
        sending = asyncio.create_task(channel.send(make_envelopes(200)))
        # Those that nobody answers are among those that came in full; what was announced behind them waits.
        await server.wait_for(messages=200 - waiting)
        assert time.monotonic() - began_at < 0.6
        assert not sending.done()
        outcomes = await sending
        late = [outcome for outcome in outcomes if outcome.state == "deferred"]
        assert len(late) == 2
        assert all("the server may have accepted it" in one.text and not one.may_go_elsewhere for one in late)


async def test_the_mail_to_others_keeps_its_speed_beside_a_destination_that_defers_all(capsys):
    seconds = {}
    for answer in ("250 2.1.5 Ok", "451 4.3.0 Try later"):
        async with (
            DestinationServer({"full.example": Manner(answer)}) as server,
            open_channel(server.port, connections=5) as channel,
        ):
            began_at = time.monotonic()
            await channel.send([one(number) for number in range(300) for one in (to_a, to_full)])
            seconds[answer[:3]] = time.monotonic() - began_at
            assert server.count("a.example") == 300
    with capsys.disabled():
        print(f"\n600 mails: all taken {seconds['250']:.2f} s, half of them to who defers all {seconds['451']:.2f} s")


def to_a(number):
    return to("a.example", 1, number)[0]


def to_full(number):
    return to("full.example", 1, number)[0]


async def test_a_cancelled_or_broken_batch_leaves_no_place_taken():
    limits = (DomainLimit(match=("a.example",), connections=1),)

    def fail(_):
        raise OSError("no space left")

    async with (
        DestinationServer({"a.example": Manner(seconds=0.05)}) as server,
        open_channel(server.port, connections=3, domains=limits) as channel,
    ):
        with pytest.raises(ExceptionGroup):
            await channel.send(to("a.example", 5), fail)
        sending = asyncio.create_task(channel.send(to("a.example", 5)))
        await asyncio.sleep(0.02)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert [one.state for one in await channel.send(to("a.example", 2))] == ["sent", "sent"]


def test_a_window_is_halved_once_for_what_was_under_way_together_and_grows_again():
    destination = Destination("a.example", 20, DomainLimit(("a.example",), 8))
    for _ in range(8):
        assert destination.has_room(0.0)
        destination.begin(0.0)
    assert not destination.has_room(0.0)
    assert destination.has_room(0.0, has_place=True)
    lost = Lost("closed", 0, AFTER)
    for _ in range(3):
        destination.note_lost("x@a.example", lost, 0.0, 1.0)
    for _ in range(5):
        destination.end()
    assert destination.has_room(1.0)
    destination.begin(2.0)
    assert not destination.has_room(2.0)
    for _ in range(40):
        destination.note("x@a.example", make_outcome(), 2.0, 2.1)
    for _ in range(4):
        assert destination.has_room(3.0)
        destination.begin(3.0)
    assert not destination.has_room(3.0)


def test_a_destination_without_a_limit_has_one_only_after_a_trouble():
    destination = Destination("a.example", 4)
    for _ in range(100):
        destination.begin(0.0)
    assert destination.has_room(0.0)
    destination.note_lost("x@a.example", Lost("closed", 0, AFTER), 0.0, 1.0)
    assert not destination.has_room(1.0)
    for _ in range(100):
        destination.end()
    for _ in range(20):
        destination.note("x@a.example", make_outcome(), 1.0, 1.1)
    for _ in range(100):
        destination.begin(2.0)
    assert destination.has_room(2.0)


def test_rests_of_a_destination_grow_to_a_quarter_of_an_hour_and_end_with_an_answer():
    destination = Destination("a.example", 4)
    enough = make_outcome("deferred", 451, "4.7.0 Enough")
    rests, now = [], 0.0
    for _ in range(9):
        destination.note("x@a.example", enough, now, now)
        rests.append(destination.resting_until - now)
        now = destination.resting_until
    assert rests == [10, 20, 40, 80, 160, 320, 640, 900, 900]
    destination.note("x@a.example", make_outcome(), now, now)
    destination.note("x@a.example", enough, now, now)
    assert destination.resting_until - now == 10


def test_answers_to_what_began_before_a_rest_do_not_lengthen_it():
    destination = Destination("a.example", 4)
    enough = make_outcome("deferred", 451, "4.7.0 Enough")
    destination.note("x@a.example", enough, 0.0, 1.0)
    destination.note("y@a.example", enough, 0.5, 2.0)
    assert destination.resting_until == 11.0


def test_a_session_that_ends_because_we_send_too_much_rests_its_destination():
    destination = Destination("a.example", 4)
    destination.note_lost("x@a.example", Lost("over", 421, "", Reply(421, "4.3.2 Shutting down")), 0.0, 1.0)
    assert destination.resting_until < 1
    destination.note_lost("x@a.example", Lost("over", 421, "", Reply(421, "4.7.28 Unusual rate")), 1.0, 2.0)
    assert destination.resting_until == 12


def test_what_is_known_of_destinations_is_bounded_and_those_in_use_stay(monkeypatch):
    monkeypatch.setattr(smtp_destinations, "MOST_DESTINATIONS", 100)
    limits = (DomainLimit(match=("shared.example", "other.example"), connections=1),)
    known = Destinations(SmtpSender(id=1, name="relay", channel="email", host="x", domains=limits))
    used, shared = known.get("a@used.example"), known.get("a@Shared.Example")
    used.begin(0.0)
    seen = [known.get(f"a@d{number}.example") for number in range(1000)]
    assert known.get("b@used.example") is used
    assert known.get("b@other.example") is shared
    assert known.get("a@d999.example") is seen[999]
    assert known.get("a@d0.example") is not seen[0]


def test_a_domain_is_one_destination_however_it_is_written():
    known = Destinations(SmtpSender(id=1, name="relay", channel="email", host="x"))
    assert known.get("a@Bücher.example") is known.get("b@xn--bcher-kva.EXAMPLE")
    assert known.get("a@sub.example.com") is not known.get("a@example.com")
    for strange in ("", "a", "a@", "@", "a@\ud800", "a@" + "ü" * 300, "a@b@c.example"):
        assert known.get(strange).has_room(0.0)


def test_who_finds_no_room_comes_back_in_turn_within_a_quarter_of_an_hour():
    waiting = WaitingList()
    assert [waiting.add(0.0, 0.5) for _ in range(3)] == [0.5, 1.0, 1.5]
    assert waiting.add(100.0, 0.5) == 0.5
    assert [waiting.add(100.0, 600) for _ in range(3)] == [600.5, LONGEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS]
