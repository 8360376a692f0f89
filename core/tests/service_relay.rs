//! Stories of users who are in several rooms at a time.

#[path = "common/lobby.rs"]
mod lobby;

use greenroom_core::{
    code::Code,
    id::{MemberId, SessionId},
    limits,
    role::Role,
    service::ServerCall,
    stream::LayerSet,
    wire::{Accepted, ClientMessage, LeaveReason, ServerMessage},
};
use lobby::{BEGIN, Join, Lobby, OPEN, SPARK, key, signed, user};

/// A way for Ada's stay in the hall to end.
type End = fn(&mut Lobby);

/// Ada in the hall and in the first so many other rooms, a player everywhere, on connections 1, 2, …
fn ada_in(lobby: &mut Lobby, relays: usize) {
    lobby.enter(1, Join::open("hall", "ada").player()).expect("the first room");
    for room in 0..relays {
        let session = 2 + room as u64;
        lobby.enter(session, Join::open(&format!("room-{room}"), "ada").player().relay()).expect("a room more");
    }
}

//
#[test]
fn a_user_relays_into_four_rooms_and_no_fifth() {
    let mut lobby = Lobby::new();
    ada_in(&mut lobby, limits::RELAY_ROOMS);
    assert_eq!(lobby.enter(9, Join::open("room-9", "ada").player().relay()), Err(Code::TOO_MANY_RELAYS));
    assert_eq!(lobby.join(9, Join::open("room-9", "ada").player()), Err(Code::TOO_MANY_RELAYS), "whether it calls that relaying or not");
    assert!(lobby.service.room(&key(OPEN, "room-9")).is_none());
    // Another user, and the same name in another app, are somebody else.
    assert_eq!(lobby.join(9, Join::open("room-9", "bob")), Ok(MemberId(1)));
    assert_eq!(lobby.enter(10, Join::signed("room-9", "ada", BEGIN + 60)), Ok(MemberId(1)));
    // Whoever leaves one room may enter another, the first included.
    lobby.ask(1, ClientMessage::Leave).expect("she is in");
    assert_eq!(lobby.join(1, Join::open("room-9", "ada").player().relay()), Ok(MemberId(2)));
}

//
#[test]
fn a_service_may_allow_fewer_rooms_and_never_more() {
    for (set, allowed) in [(0, 0), (2, 2), (9, limits::RELAY_ROOMS)] {
        let mut lobby = Lobby::with(|config| config.relay_rooms = set);
        ada_in(&mut lobby, allowed);
        assert_eq!(lobby.enter(9, Join::open("one-more", "ada").player()), Err(Code::TOO_MANY_RELAYS));
    }
}

//
#[test]
fn nobody_relays_into_a_room_twice_but_whoever_enters_it_again_takes_its_own_place() {
    let mut lobby = Lobby::new();
    ada_in(&mut lobby, 1);
    for room in ["hall", "room-0"] {
        lobby.open(if room == "hall" { 8 } else { 9 });
    }
    assert_eq!(lobby.join(8, Join::open("hall", "ada").player().relay()), Err(Code::RELAYED_ALREADY));
    assert_eq!(lobby.join(9, Join::open("room-0", "ada").player().relay()), Err(Code::RELAYED_ALREADY));
    assert_eq!(lobby.closed(), []);
    assert_eq!(lobby.join(9, Join::open("room-0", "ada").player()), Ok(MemberId(2)));
    assert_eq!(lobby.closed(), [SessionId(2)]);
}

//
#[test]
fn a_joiner_in_one_room_is_none_in_another_until_it_steps_down() {
    let mut lobby = Lobby::new();
    lobby.enter(1, Join::open("hall", "ada")).expect("the first room");
    assert_eq!(lobby.enter(2, Join::open("attic", "ada")), Err(Code::JOINER_ELSEWHERE));
    assert_eq!(lobby.join(2, Join::open("attic", "ada").relay()), Err(Code::JOINER_ELSEWHERE));
    assert_eq!(lobby.switch(1, Role::Player, None), Ok(Accepted::Done));
    assert_eq!(lobby.join(2, Join::open("attic", "ada").relay()), Ok(MemberId(1)));
}

//
#[test]
fn a_joiner_whose_connection_is_lost_is_one_until_its_stay_ends() {
    let mut lobby = Lobby::new();
    lobby.enter(1, Join::open("hall", "ada")).expect("the first room");
    lobby.disconnect(1);
    assert_eq!(lobby.enter(2, Join::open("attic", "ada")), Err(Code::JOINER_ELSEWHERE));
    lobby.pass(limits::RECONNECT_WINDOW);
    assert_eq!(lobby.enter(3, Join::open("attic", "ada")), Ok(MemberId(1)));
}

//
#[test]
fn stepping_up_where_there_is_a_joiner_elsewhere_is_refused_and_changes_nothing() {
    let mut lobby = Lobby::new();
    let (hall, attic) = (key(SPARK, "hall"), key(SPARK, "attic"));
    lobby.enter(1, Join::signed("hall", "ada", BEGIN + 600)).expect("the first room");
    lobby.enter(2, Join::signed("attic", "ada", BEGIN + 600).player().relay()).expect("a second room");
    let up = signed("attic", "ada", BEGIN + 600);
    assert_eq!(lobby.switch(2, Role::Joiner, Some(up.clone())), Err(Code::JOINER_ELSEWHERE));
    assert_eq!(lobby.role(&attic, "ada"), Some(Role::Player));
    assert_eq!(lobby.switch(1, Role::Player, Some(signed("hall", "ada", BEGIN + 600))), Ok(Accepted::Done));
    assert_eq!(lobby.switch(2, Role::Joiner, Some(up)), Ok(Accepted::Done));
    assert_eq!((lobby.role(&hall, "ada"), lobby.role(&attic, "ada")), (Some(Role::Player), Some(Role::Joiner)));
}

#[test]
fn taking_ones_own_place_as_a_joiner_asks_what_entering_asks() {
    let mut lobby = Lobby::new();
    lobby.enter(1, Join::open("hall", "ada")).expect("the first room");
    lobby.enter(2, Join::open("attic", "ada").player()).expect("a second room");
    assert_eq!(lobby.enter(3, Join::open("attic", "ada")), Err(Code::JOINER_ELSEWHERE));
    assert_eq!(lobby.closed(), [], "nobody was displaced");
    assert_eq!(lobby.join(3, Join::open("hall", "ada")), Ok(MemberId(2)), "where it is the joiner it may be one again");
}

//
#[test]
fn who_relays_as_a_joiner_is_seen_there_and_who_relays_as_a_player_only_sees() {
    let mut lobby = Lobby::new();
    lobby.enter(1, Join::open("hall", "bob")).expect("the hall");
    lobby.enter(2, Join::open("attic", "cem")).expect("the attic");
    let bobs = lobby.publish(1);
    lobby.enter(3, Join::open("hall", "ada").player()).expect("Ada in the hall");
    lobby.enter(4, Join::open("attic", "ada").relay()).expect("Ada in the attic");
    lobby.hush();
    let adas = lobby.publish(4);
    assert!(matches!(lobby.heard(2)[..], [ServerMessage::StreamAdded { .. }]));
    assert_eq!(lobby.heard(1), []);
    let watch = |stream| ClientMessage::Subscribe { stream, audio: true, video: false, layers: LayerSet::HIGHEST, min_height: None };
    assert_eq!(lobby.ask(2, watch(adas)), Ok(Accepted::Done));
    assert_eq!(lobby.ask(3, watch(bobs)), Ok(Accepted::Done));
}

//
#[test]
fn leaving_one_room_leaves_the_others_alone() {
    let mut lobby = Lobby::new();
    ada_in(&mut lobby, 2);
    lobby.enter(11, Join::open("hall", "bob")).expect("Bob in the hall");
    lobby.enter(12, Join::open("room-0", "cem")).expect("Cem in another");
    lobby.hush();
    lobby.ask(1, ClientMessage::Leave).expect("she is in");
    assert_eq!(lobby.heard(11), [ServerMessage::PeerLeft { user: user("ada"), reason: LeaveReason::LEFT }]);
    assert_eq!((lobby.heard(12), lobby.heard(2), lobby.heard(3)), (vec![], vec![], vec![]));
    assert_eq!(lobby.ask(2, ClientMessage::Rename { name: None }), Ok(Accepted::Done));
}

//
#[test]
fn a_stay_that_ends_in_whatever_way_makes_place_for_another() {
    let ends: [(&str, End); 5] = [
        ("removed", |lobby| {
            lobby.call(ServerCall::RemoveUser { room: key(OPEN, "hall"), user: user("ada") }).expect("she is there");
        }),
        ("dissolved", |lobby| {
            lobby.call(ServerCall::DissolveRoom { room: key(OPEN, "hall") }).expect("it is there");
            lobby.pass(limits::HEARTBEAT_INTERVAL);
        }),
        ("lost", |lobby| {
            lobby.disconnect(1);
            lobby.pass_alive(limits::RECONNECT_WINDOW, &[2, 3, 4, 5]);
        }),
        ("silent", |lobby| {
            lobby.pass_alive(limits::HEARTBEAT_TIMEOUT + limits::RECONNECT_WINDOW, &[2, 3, 4, 5]);
        }),
        ("a probe", |lobby| {
            let reason = LeaveReason::PROBE;
            lobby.call(ServerCall::Fault { room: key(OPEN, "hall"), user: user("ada"), reason }).expect("she is there");
        }),
    ];
    for (how, end) in ends {
        let mut lobby = Lobby::new();
        ada_in(&mut lobby, limits::RELAY_ROOMS);
        end(&mut lobby);
        assert!(lobby.enter(20, Join::open("new", "ada").player()).is_ok(), "{how}");
    }
}
