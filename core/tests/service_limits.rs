//! Stories of peers that want too much: what they get, and that nothing grows beyond its bound.

#[path = "common/lobby.rs"]
mod lobby;

use core::time::Duration;

use greenroom_core::{
    code::Code,
    id::{MemberId, SessionId, SourceId, StreamId},
    limits,
    outbox::Outbox,
    rng::Rng,
    service::{Guard, Input, ServerCall, Usage},
    stream::{LayerSet, StreamKind, StreamOffer},
    wire::{Accepted, ClientMessage, ServerMessage, VideoWish},
};
use lobby::{AGORA, BEGIN, Join, Lobby, OPEN, SPARK, channel_key, key, signed, user};

const SECOND: Duration = Duration::from_secs(1);

fn subscribe() -> ClientMessage {
    ClientMessage::Subscribe { stream: StreamId(1), audio: true, video: false, layers: LayerSet::HIGHEST, min_height: None }
}

fn rename() -> ClientMessage {
    ClientMessage::Rename { name: None }
}

/// How many requests in a row are looked at, and that the one after is refused for haste.
fn looked_at(lobby: &mut Lobby, session: u64, message: &ClientMessage) -> u32 {
    let mut count = 0;
    while lobby.ask(session, message.clone()) != Err(Code::TOO_FAST) {
        count += 1;
    }
    count
}

/// Ada, alone in a room, on connection 1, with all of her shares.
fn ada() -> Lobby {
    let mut lobby = Lobby::new();
    lobby.enter(1, Join::open("stage", "ada")).expect("the app is open");
    lobby.pass_alive(4 * SECOND, &[1]);
    lobby
}

#[test]
fn commands_and_wishes_have_their_shares_and_time_gives_them_back() {
    let mut lobby = ada();
    assert_eq!(looked_at(&mut lobby, 1, &rename()), limits::COMMAND_BURST);
    assert_eq!(looked_at(&mut lobby, 1, &subscribe()), limits::SUBSCRIBE_BURST, "each has its own");
    lobby.pass_alive(SECOND, &[1]);
    assert_eq!(looked_at(&mut lobby, 1, &rename()), 20);
    assert_eq!(looked_at(&mut lobby, 1, &subscribe()), 50);
}

#[test]
fn a_list_of_wishes_costs_what_it_lists() {
    let mut lobby = ada();
    let wish = |stream| VideoWish::of(StreamId(stream));
    let list = |len| ClientMessage::SubscribeVideo { wanted: (1..=len).map(wish).collect() };
    assert_eq!(looked_at(&mut lobby, 1, &list(50)), 4);
    lobby.pass_alive(4 * SECOND, &[1]);
    assert_eq!(looked_at(&mut lobby, 1, &list(10_000)), 4, "no list is longer for the room than fifty");
    lobby.pass_alive(4 * SECOND, &[1]);
    assert_eq!(looked_at(&mut lobby, 1, &list(0)), limits::SUBSCRIBE_BURST);
}

#[test]
fn a_request_made_in_haste_is_not_looked_at() {
    let mut lobby = ada();
    looked_at(&mut lobby, 1, &rename());
    assert_eq!(lobby.ask(1, ClientMessage::Leave), Err(Code::TOO_FAST));
    assert_eq!(lobby.service.room_of(SessionId(1)), Some(&key(OPEN, "stage")));
}

#[test]
fn heartbeats_beyond_their_share_are_not_answered() {
    let mut lobby = ada();
    lobby.pass(SECOND);
    for _ in 0..2 * limits::COMMAND_BURST {
        lobby.say(1, ClientMessage::Ping);
    }
    assert_eq!(lobby.heard(1).len(), limits::COMMAND_BURST as usize);
    assert_eq!(lobby.ask(1, rename()), Ok(Accepted::Done), "they cost no commands");
}

#[test]
fn whoever_does_not_stop_is_sent_away_and_its_stay_is_kept() {
    let mut lobby = ada();
    let mut said = 0;
    while lobby.closed().is_empty() {
        lobby.say(1, rename());
        said += 1;
    }
    assert_eq!(said, limits::COMMAND_BURST + limits::REFUSAL_BURST + 1);
    assert_eq!(lobby.heard(1).last(), Some(&ServerMessage::Closing { code: Code::TOO_FAST }));
    assert_eq!(lobby.enter(2, Join::open("stage", "ada").resumes(MemberId(1))), Ok(MemberId(1)));
}

#[test]
fn whoever_asks_twice_as_fast_as_it_may_is_sent_away_in_time_and_who_keeps_to_it_is_not() {
    for (interval, stays) in [(limits::COMMAND_INTERVAL, true), (limits::COMMAND_INTERVAL / 2, false)] {
        let mut lobby = ada();
        for _ in 0..1000 {
            lobby.pass(interval);
            lobby.say(1, rename());
        }
        assert_eq!(lobby.closed().is_empty(), stays, "a request every {interval:?}");
    }
}

#[test]
fn a_source_of_bad_keys_is_not_heard_for_a_while_and_others_are() {
    let mut lobby = Lobby::new();
    let (good, bad) = (Join::signed("stage", "ada", BEGIN + 3600), Join::signed("stage", "ada", BEGIN - 1));
    // Given ten joins with an expired key, on as many connections from one source,
    for session in 1..=u64::from(limits::FAILED_JOIN_BURST) {
        lobby.open_from(session, 7);
        assert_eq!(lobby.join(session, bad.clone()), Err(Code::KEY_EXPIRED));
    }
    // then that source is not heard even with a good one, and any other is,
    lobby.open_from(20, 7);
    lobby.open_from(21, 8);
    assert_eq!(lobby.join(20, good.clone()), Err(Code::TOO_MANY_FAILURES));
    assert_eq!(lobby.join(21, good.clone()), Ok(MemberId(1)));
    // and a little later it is heard again.
    lobby.pass(limits::FAILED_JOIN_INTERVAL);
    assert_eq!(lobby.join(20, Join::signed("stage", "bob", BEGIN + 3600)), Ok(MemberId(2)));
}

#[test]
fn who_comes_back_is_heard_though_its_neighbours_fail() {
    let mut lobby = Lobby::new();
    let join = Join::signed("stage", "ada", BEGIN + 3600);
    lobby.open_from(1, 7);
    let stay = lobby.join(1, join.clone()).expect("the signature is good");
    for session in 2..20 {
        lobby.open_from(session, 7);
        lobby.join(session, Join::new(SPARK, "stage", "eve")).expect_err("she shows nothing");
    }
    lobby.disconnect(1);
    lobby.open_from(30, 7);
    assert_eq!(lobby.join(30, join.clone()), Err(Code::TOO_MANY_FAILURES));
    assert_eq!(lobby.join(30, join.resumes(stay)), Ok(stay));
}

#[test]
fn without_the_guard_nobody_asks_too_fast_fails_too_often_or_waits_too_long() {
    let mut lobby = Lobby::with(|config| config.guard = Guard::Off);
    lobby.enter(1, Join::open("stage", "ada")).expect("the app is open");
    lobby.hush();
    for _ in 0..2 * limits::SUBSCRIBE_BURST {
        assert_eq!(lobby.ask(1, rename()), Ok(Accepted::Done));
        assert_eq!(lobby.ask(1, subscribe()), Err(Code::NO_SUCH_STREAM));
        assert_eq!(lobby.ask(1, ClientMessage::Renew { credential: signed("stage", "ada", BEGIN) }), Ok(Accepted::Done));
        lobby.say(1, ClientMessage::Ping);
        assert_eq!(lobby.heard(1), [ServerMessage::Pong]);
    }
    lobby.open_from(2, 7);
    for _ in 0..2 * limits::REFUSAL_BURST {
        assert_eq!(lobby.join(2, Join::new(SPARK, "stage", "eve")), Err(Code::KEY_INVALID));
    }
    lobby.pass(10 * limits::JOIN_PATIENCE);
    assert_eq!(lobby.heard(2), []);
    assert!(lobby.join(2, Join::open("stage", "eve")).is_ok());
    // The first has been silent, which is the room's business.
    assert_eq!(lobby.closed(), [SessionId(1)]);
}

#[test]
fn a_connection_that_joins_nothing_is_closed() {
    let mut lobby = Lobby::new();
    lobby.open(1);
    lobby.pass_alive(limits::JOIN_PATIENCE.saturating_sub(SECOND), &[1]);
    assert_eq!(lobby.join(1, Join::new(SPARK, "stage", "ada")), Err(Code::KEY_INVALID), "a join that is refused is none");
    assert_eq!(lobby.closed(), []);
    lobby.pass(SECOND);
    assert_eq!(lobby.heard(1), [ServerMessage::Closing { code: Code::NOT_IN_ROOM }]);
    assert_eq!((lobby.closed(), lobby.service.usage()), (vec![SessionId(1)], Usage { sources: 1, ..Usage::default() }));
}

#[test]
fn patience_begins_anew_with_who_has_left() {
    let mut lobby = ada();
    lobby.pass_alive(2 * limits::JOIN_PATIENCE, &[1]);
    lobby.ask(1, ClientMessage::Leave).expect("she is in");
    lobby.pass(limits::JOIN_PATIENCE.saturating_sub(SECOND));
    assert_eq!(lobby.closed(), []);
    lobby.pass(SECOND);
    assert_eq!(lobby.closed(), [SessionId(1)]);
}

#[test]
fn a_connection_too_many_is_closed_at_once() {
    let mut lobby = Lobby::with(|config| config.connections_max = 2);
    lobby.open(1);
    lobby.open(2);
    lobby.open(3);
    assert_eq!((lobby.closed(), lobby.service.usage().connections), (vec![SessionId(3)], 2));
    lobby.disconnect(1);
    lobby.open(4);
    assert_eq!(lobby.closed(), []);
}

//
#[test]
fn whoever_takes_its_messages_too_slowly_is_told_and_comes_back() {
    let mut lobby = ada();
    let mut outbox = Outbox::new();
    let overflow = (0..).find_map(|message| outbox.push(message, 300).err()).expect("it has a bound");
    assert!(overflow.messages <= limits::OUTBOX_MESSAGES && overflow.bytes <= limits::OUTBOX_BYTES);
    lobby.tell(Input::Overflowed { session: SessionId(1) });
    assert_eq!(lobby.heard(1), [ServerMessage::Closing { code: Code::TOO_SLOW }]);
    assert_eq!(lobby.closed(), [SessionId(1)]);
    assert_eq!(lobby.enter(2, Join::open("stage", "ada").resumes(MemberId(1))), Ok(MemberId(1)));
    lobby.tell(Input::Overflowed { session: SessionId(1) });
    assert_eq!(lobby.closed(), [], "it is gone already");
}

/// Commands in the test below. Debug builds walk through everything after each, so they make fewer.
const COMMANDS: u32 = if cfg!(debug_assertions) { 20_000 } else { 1_000_000 };
const CLIENTS: u32 = 1000;

/// 1,000,000 commands from 1,000 generated hostile clients leave every bound intact.
#[test]
fn a_million_commands_of_hostile_clients_leave_every_bound_intact() {
    const ROOMS_MAX: usize = 20;
    const MEMBERS_MAX: usize = 30;
    const CONNECTIONS_MAX: usize = 400;
    let mut lobby = Lobby::with(|config| {
        config.rooms_max = ROOMS_MAX;
        config.connections_max = CONNECTIONS_MAX;
        config.room.members_max = MEMBERS_MAX;
    });
    let mut rng = Rng::new(2026);
    let mut below = |bound: u32| u32::try_from(rng.below(u64::from(bound))).expect("it is below the bound");
    // Each client has one connection at a time; the number of a connection tells its client and how often it has come.
    let mut turns = vec![0; CLIENTS as usize];
    let number = |client: u32, turn: u64| turn * u64::from(CLIENTS) + u64::from(client) + 1;
    let mut most = Usage::default();
    let mut refused = 0;
    for command in 0..COMMANDS {
        let client = below(CLIENTS);
        let session = number(client, turns[client as usize]);
        match below(40) {
            0 => lobby.disconnect(session),
            1 => lobby.tell(Input::Overflowed { session: SessionId(session) }),
            2..=5 => {
                turns[client as usize] += 1;
                lobby.disconnect(session);
                let source = SourceId(u64::from(if below(4) == 0 { below(u32::MAX) } else { client / 10 }));
                lobby.tell(Input::Opened { session: SessionId(number(client, turns[client as usize])), source });
            }
            6 if below(50) == 0 => {
                let call = ServerCall::DissolveRoom { room: key(OPEN, &format!("room-{}", below(40))) };
                assert!(matches!(lobby.call(call), Ok(()) | Err(Code::NO_SUCH_ROOM)));
            }
            _ => {
                let message = hostile(&mut below, lobby.date());
                // Some say the same over and over.
                for _ in 0..if below(200) == 0 { 300 } else { 1 } {
                    lobby.say(session, message.clone());
                }
            }
        }
        if below(8) == 0 {
            lobby.pass(Duration::from_millis(u64::from(below(40))));
        }
        refused += lobby.heard(session).iter().filter(|message| matches!(message, ServerMessage::Refused { .. })).count();
        if command % 64 == 0 {
            let usage = lobby.service.usage();
            assert!(usage.connections <= CONNECTIONS_MAX && usage.rooms <= ROOMS_MAX && usage.idle_rooms <= usage.rooms, "{usage:?}");
            assert!(usage.stays <= ROOMS_MAX * MEMBERS_MAX && usage.users <= usage.stays, "{usage:?}");
            assert!(usage.streams <= limits::STREAMS_PER_MEMBER * usage.stays, "{usage:?}");
            assert!(usage.subscriptions <= limits::SUBSCRIPTIONS_PER_MEMBER * usage.stays, "{usage:?}");
            assert!(usage.sources <= limits::FAILED_JOIN_SOURCES, "{usage:?}");
            assert!(
                usage.ended_stays <= limits::ENDED_STAYS * usage.rooms && usage.dissolved_rooms <= limits::DISSOLVED_ROOMS,
                "{usage:?}"
            );
            most.connections = most.connections.max(usage.connections);
            most.rooms = most.rooms.max(usage.rooms);
            most.stays = most.stays.max(usage.stays);
            most.sources = most.sources.max(usage.sources);
            most.subscriptions = most.subscriptions.max(usage.subscriptions);
            lobby.hush();
        }
        let input = Input::Disconnected { session: SessionId(0) };
        assert!(lobby.most_outputs <= lobby.service.outputs_max(Some(&input)).max(lobby.service.outputs_max(None)));
    }
    // They got somewhere: a test in which everything is refused at the door shows nothing.
    assert!(most.connections == CONNECTIONS_MAX && most.rooms == ROOMS_MAX && most.stays > 100 && most.subscriptions > 0, "{most:?}");
    assert!(refused > COMMANDS as usize / 10, "{refused} refusals");
    // And when they have gone, nothing is left of them.
    for client in 0..CLIENTS {
        lobby.disconnect(number(client, turns[client as usize]));
    }
    lobby.pass(Duration::from_secs(300));
    assert_eq!(Usage { sources: 0, ..lobby.service.usage() }, Usage::default());
}

/// What a hostile client says: mostly joins with good and bad keys, and requests that ask for much.
fn hostile(below: &mut impl FnMut(u32) -> u32, date: u64) -> ClientMessage {
    match below(16) {
        0..=7 => {
            let (room, name) = (format!("room-{}", below(40)), below(1500));
            let mut join = match below(8) {
                0 => Join::new("nobody", &room, &name.to_string()),
                1 => Join::signed(&room, &format!("user-{name}"), date + u64::from(below(50_000))),
                2 => Join::new(SPARK, &room, "eve").showing(signed(&room, "ada", date + 60)),
                3 => Join::new(AGORA, &room, &name.to_string()).showing(channel_key(&room, name, date, 0)),
                4 => Join { user: None, ..Join::new(AGORA, &room, "0").showing(channel_key(&room, 0, date - u64::from(below(600)), 0)) },
                _ => Join::open(&room, &format!("user-{name}")),
            };
            join.relay = below(8) == 0;
            join.resumes = (below(8) == 0).then(|| MemberId(1 + below(50)));
            if below(2) == 0 { join.player().message() } else { join.message() }
        }
        8 | 9 => {
            let kind = if below(2) == 0 { StreamKind::Main } else { StreamKind::Aux };
            ClientMessage::Publish {
                offer: StreamOffer { kind, audio_bps: Some(u64::from(below(u32::MAX))), layers: Vec::new(), on_demand: false },
            }
        }
        10..=12 => {
            let stream = StreamId(below(12));
            ClientMessage::Subscribe { stream, audio: true, video: below(2) == 0, layers: LayerSet::HIGHEST, min_height: None }
        }
        13 => ClientMessage::Ping,
        14 => ClientMessage::Renew { credential: signed("room-1", "user-1", date + u64::from(below(100))) },
        _ => ClientMessage::Leave,
    }
}

#[test]
fn removal_of_a_user_who_was_never_there_leaves_no_trace() {
    let mut lobby = ada();
    let before = lobby.service.clone();
    assert_eq!(lobby.call(ServerCall::RemoveUser { room: key(OPEN, "stage"), user: user("bob") }), Err(Code::NO_SUCH_USER));
    assert_eq!(lobby.service, before);
}
