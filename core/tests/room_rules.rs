//! Stories of rules and ends: names, hidden players, one share at a time, a pause, faults, and the room's own end.

#[path = "common/hall.rs"]
mod hall;

use core::time::Duration;

use greenroom_core::{
    code::Code,
    id::{SessionId, UserName},
    limits,
    role::Role,
    room::{Event, Input},
    wire::{Accepted, ClientMessage, LeaveReason, MemberInfo, ServerMessage},
};
use hall::{Hall, admission, camera, join, screen, user};

fn name(text: &str) -> UserName {
    UserName::new(text).expect("a valid name")
}

fn rename(text: &str) -> ClientMessage {
    ClientMessage::Rename { name: Some(name(text)) }
}

fn role(role: Role) -> ClientMessage {
    ClientMessage::SwitchRole { role, credential: None }
}

fn members(hall: &mut Hall, session: u64, who: &str) -> Vec<MemberInfo> {
    match hall.ask(session, join(who, Role::Joiner, None)) {
        Ok(Accepted::Joined { members, .. }) => members,
        other => panic!("{who} was to be let in: {other:?}"),
    }
}

// Names

//
#[test]
fn a_joiner_s_new_name_is_told_to_the_others_once() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    hall.join_as(2, "bob", Role::Player);
    hall.hush();
    assert_eq!(hall.ask(1, rename("Ada L.")), Ok(Accepted::Done));
    assert_eq!(hall.heard(2), [ServerMessage::PeerRenamed { user: user("ada"), name: Some(name("Ada L.")) }]);
    assert_eq!(hall.ask(1, rename("Ada L.")), Ok(Accepted::Done));
    assert_eq!((hall.heard(1), hall.heard(2)), (vec![], vec![]), "the name that one has is no news");
    assert_eq!(hall.ask(1, ClientMessage::Rename { name: None }), Ok(Accepted::Done));
    assert_eq!(hall.heard(2), [ServerMessage::PeerRenamed { user: user("ada"), name: None }]);
}

//
#[test]
fn whoever_is_not_in_the_room_has_no_name_to_change() {
    let mut hall = Hall::new();
    assert_eq!(hall.ask(1, rename("Ada")), Err(Code::NOT_IN_ROOM));
}

// R-151 R-154
#[test]
fn a_player_s_new_name_is_no_news_and_known_to_newcomers() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    hall.join_as(2, "bob", Role::Player);
    hall.hush();
    assert_eq!(hall.ask(2, rename("Bobby")), Ok(Accepted::Done));
    assert_eq!(hall.ask(2, role(Role::Joiner)), Ok(Accepted::Done));
    assert_eq!(hall.heard(1), []);
    assert_eq!(members(&mut hall, 3, "eve")[1], MemberInfo { user: user("bob"), name: Some(name("Bobby")) });
}

//
#[test]
fn who_comes_back_finds_the_names_of_now() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let bob = hall.join(2, "bob");
    hall.disconnect(2);
    assert_eq!(hall.ask(1, rename("Ada L.")), Ok(Accepted::Done));
    let Ok(Accepted::Joined { members, .. }) = hall.ask(3, join("bob", Role::Joiner, Some(bob))) else {
        panic!("Bob was to come back");
    };
    assert_eq!(members, [MemberInfo { user: user("ada"), name: Some(name("Ada L.")) }]);
}

// Hidden players

//
#[test]
fn where_players_are_hidden_nobody_hears_of_them() {
    let mut hall = Hall::with(|config| config.hide_players = true);
    hall.join(1, "ada");
    hall.join_as(2, "bob", Role::Player);
    assert_eq!(members(&mut hall, 3, "eve"), [MemberInfo { user: user("ada"), name: None }]);
    hall.hush();
    assert_eq!(hall.ask(2, rename("Bobby")), Ok(Accepted::Done));
    assert_eq!(hall.ask(2, ClientMessage::Leave), Ok(Accepted::Done));
    assert_eq!((hall.heard(1), hall.heard(3)), (vec![], vec![]));
}

// R-060 R-081
#[test]
fn a_hidden_player_appears_with_the_stage_and_vanishes_without_it() {
    let mut hall = Hall::with(|config| config.hide_players = true);
    hall.join(1, "ada");
    hall.join_as(2, "bob", Role::Player);
    assert_eq!(hall.ask(2, rename("Bobby")), Ok(Accepted::Done));
    hall.hush();
    assert_eq!(hall.ask(2, role(Role::Joiner)), Ok(Accepted::Done));
    assert_eq!(hall.heard(1), [ServerMessage::PeerJoined { user: user("bob"), name: Some(name("Bobby")) }]);
    let stream = hall.publish(2, camera());
    hall.hush();
    assert_eq!(hall.ask(2, role(Role::Player)), Ok(Accepted::Done));
    let left = ServerMessage::PeerLeft { user: user("bob"), reason: LeaveReason::LEFT };
    assert_eq!(hall.heard(1), [ServerMessage::StreamRemoved { stream, user: user("bob") }, left]);
}

// One share

//
#[test]
fn where_one_may_share_the_second_is_refused_until_the_first_ends() {
    let mut hall = Hall::with(|config| config.one_share = true);
    hall.join(1, "ada");
    hall.join(2, "bob");
    let shared = hall.publish(1, screen());
    assert_eq!(hall.ask(1, ClientMessage::Publish { offer: screen() }), Err(Code::ALREADY_PUBLISHED));
    assert_eq!(hall.ask(2, ClientMessage::Publish { offer: screen() }), Err(Code::SHARED_ALREADY));
    hall.publish(2, camera());
    assert_eq!(hall.ask(1, ClientMessage::Unpublish { stream: shared }), Ok(Accepted::Done));
    hall.publish(2, screen());
}

//
#[test]
fn where_all_may_share_all_do() {
    let mut hall = Hall::new();
    for session in 1..=3 {
        hall.join(session, &format!("user-{session}"));
        hall.publish(session, screen());
    }
}

// A pause

//
#[test]
fn in_a_paused_room_nothing_is_published_or_changed() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, camera());
    hall.tell(Input::Pause { paused: true });
    assert_eq!(hall.ask(1, ClientMessage::Publish { offer: screen() }), Err(Code::ROOM_PAUSED));
    let mut offer = camera();
    offer.layers.pop();
    assert_eq!(hall.ask(1, ClientMessage::Update { stream, offer }), Err(Code::ROOM_PAUSED));
    // What there is stays, can be received, and can be withdrawn.
    hall.join(2, "bob");
    hall.subscribe(2, stream);
    assert_eq!(hall.ask(1, ClientMessage::Unpublish { stream }), Ok(Accepted::Done));
    hall.tell(Input::Pause { paused: false });
    hall.publish(1, camera());
}

// Faults and removals

//
#[test]
fn a_fault_of_the_server_is_told_with_its_reason() {
    for reason in 1..=4 {
        let mut hall = Hall::new();
        hall.join(1, "ada");
        hall.join(2, "bob");
        hall.hush();
        hall.tell(Input::Remove { user: user("ada"), reason: LeaveReason(reason) });
        assert_eq!(hall.heard(1), [ServerMessage::Removed { code: Code::INTERNAL }]);
        assert_eq!(hall.heard(2), [ServerMessage::PeerLeft { user: user("ada"), reason: LeaveReason(reason) }]);
    }
}

//
#[test]
fn of_a_probe_s_end_nobody_is_told() {
    let mut hall = Hall::new();
    hall.join(1, "probe");
    hall.join(2, "bob");
    hall.hush();
    hall.tell(Input::Remove { user: user("probe"), reason: LeaveReason::PROBE });
    assert_eq!((hall.heard(1), hall.heard(2)), (vec![], vec![]));
    assert_eq!(hall.closed(), [SessionId(1)]);
    assert!(hall.room.member_of(&user("probe")).is_none());
}

// The end of the room

//
#[test]
fn a_dissolved_room_sends_everyone_away_and_takes_nobody_in() {
    // Given Ada, who publishes, Bob, who receives her, and Eve, who is away,
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, camera());
    let bob = hall.join(2, "bob");
    hall.connect_media(2, bob);
    hall.subscribe(2, stream);
    let eve = hall.join(3, "eve");
    hall.disconnect(3);
    hall.hush();
    // when the room is dissolved,
    hall.tell(Input::Dissolve);
    // then everyone is told in that very instant, of the room's end and of nothing else,
    assert!(hall.room.is_dissolved() && hall.room.is_over());
    for session in [1, 2] {
        assert_eq!(hall.heard(session), [ServerMessage::Removed { code: Code::DISSOLVED }]);
    }
    assert_eq!(hall.closed(), [SessionId(1), SessionId(2)]);
    let reasons = hall.events().into_iter().map(|event| match event {
        Event::Left { reason, .. } => reason,
        other => panic!("{other:?}"),
    });
    assert_eq!(reasons.collect::<Vec<_>>(), [LeaveReason::DISSOLVED; 3]);
    // and from then on requests find nobody, and newcomers are turned away.
    assert_eq!(hall.ask(1, ClientMessage::Leave), Err(Code::NOT_IN_ROOM));
    assert_eq!(hall.renew(1, None), Err(Code::NOT_IN_ROOM));
    assert_eq!(hall.ask(4, join("cem", Role::Joiner, None)), Err(Code::DISSOLVED));
    assert_eq!(hall.ask(5, join("eve", Role::Joiner, Some(eve))), Err(Code::DISSOLVED));
    assert_eq!(hall.admit(6, admission("ada", None)), Err(Code::DISSOLVED));
    hall.pass(Duration::from_secs(3600));
    assert_eq!(hall.room.poll_timeout(), None);
}

//
#[test]
fn an_empty_room_is_over_as_soon_as_it_is_dissolved() {
    let mut hall = Hall::new();
    hall.tell(Input::Dissolve);
    assert!(hall.room.is_over());
}

#[test]
fn somebody_who_is_removed_while_the_room_dissolves_is_not_waited_for() {
    // Given a room of one more than are sent away at a time, the last of them Ada,
    let mut hall = Hall::new();
    for session in 0..u64::try_from(limits::ROOM_BATCH).expect("a few") {
        hall.join(session, &format!("user-{session}"));
    }
    hall.join(99, "ada");
    hall.hush();
    // when it is dissolved, and again, and she is removed before her turn,
    hall.tell(Input::Dissolve);
    hall.tell(Input::Dissolve);
    assert!(hall.room.member_of(&user("ada")).is_some());
    hall.tell(Input::Remove { user: user("ada"), reason: LeaveReason::REMOVED });
    // then she is told of that, and the room is over.
    assert_eq!(hall.heard(99), [ServerMessage::Removed { code: Code::REMOVED }]);
    assert!(hall.room.is_over());
    assert_eq!(hall.room.poll_timeout(), None);
}

//
#[test]
fn a_large_room_dissolves_in_batches() {
    let mut hall = Hall::new();
    for session in 0..1000 {
        hall.join(session, &format!("user-{session}"));
    }
    hall.hush();
    hall.most_outputs = 0;
    hall.tell(Input::Dissolve);
    assert_eq!(hall.closed().len(), limits::ROOM_BATCH, "the first batch at once");
    assert_eq!(hall.ask(999, ClientMessage::Leave), Err(Code::NOT_IN_ROOM), "who waits for its turn is treated as gone");
    hall.pass(Duration::from_millis(20));
    assert_eq!(hall.closed().len(), 1000 - limits::ROOM_BATCH);
    assert!(hall.room.is_over());
    assert!(hall.most_outputs <= limits::ROOM_BATCH * 3, "{} outputs at a time", hall.most_outputs);
}
