//! Stories of a session on its way in: looked up, connected, let in, refused, tried again.

#[path = "common/desk.rs"]
mod desk;

use core::time::Duration;

use desk::{Act, Desk, answered, changed, join_call, joined, last_join, sound, stream, subscribe, user};
use greenroom_core::{
    code::Code,
    id::RoomId,
    limits,
    role::Role,
    session::{Answer, Call, Config, ConnectionId, ConnectionState, Event, Input, JoinCall},
    stream::StreamKind,
    wire::{Accepted, ClientMessage, LeaveReason, ServerMessage},
};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

// R-017 R-018
#[test]
fn a_session_is_disconnected_then_connecting_then_connected() {
    let mut desk = Desk::new();
    assert_eq!(desk.session.state(), ConnectionState::Disconnected);
    let id = desk.call(join_call("ada", Role::Joiner));
    assert_eq!(desk.events(), [changed(ConnectionState::Disconnected, ConnectionState::Connecting)]);
    desk.open();
    assert_eq!(desk.events(), [], "the link stands, and nobody was let in yet");
    desk.grant(joined(&[], vec![], false));
    let answer = Ok(Answer::Joined { user: user("ada"), role: Role::Joiner });
    assert_eq!(desk.events(), [changed(ConnectionState::Connecting, ConnectionState::Connected), answered(id, answer)]);
}

//
#[test]
fn on_entering_the_application_hears_members_then_streams() {
    let mut desk = Desk::new();
    desk.call(join_call("ada", Role::Joiner));
    desk.open();
    desk.events();
    desk.grant(joined(&["bob", "eve"], vec![stream(7, "bob"), stream(3, "eve")], false));
    let joined = |name| Event::PeerJoined { user: user(name), name: None };
    let added = |stream| Event::StreamAdded { stream };
    assert_eq!(desk.events()[2..], [joined("bob"), joined("eve"), added(stream(7, "bob")), added(stream(3, "eve"))]);
}

//
#[test]
fn a_connection_that_does_not_come_ends_the_join() {
    let mut desk = Desk::new();
    let id = desk.call(join_call("ada", Role::Joiner));
    desk.pass(limits::CONNECT_TIMEOUT.saturating_sub(MILLISECOND));
    assert_eq!(desk.answers(), []);
    desk.pass(MILLISECOND);
    assert_eq!(
        desk.events(),
        [answered(id, Err(Code::CONNECT_TIMEOUT)), changed(ConnectionState::Connecting, ConnectionState::Disconnected)]
    );
    assert_eq!(desk.disconnects, [ConnectionId(1)]);
}

#[test]
fn a_refused_join_tells_why_and_ends_where_it_began() {
    let mut desk = Desk::new();
    let id = desk.call(join_call("ada", Role::Joiner));
    desk.open();
    desk.events();
    desk.refuse(Code::ROOM_FULL);
    assert_eq!(desk.events(), [answered(id, Err(Code::ROOM_FULL)), changed(ConnectionState::Connecting, ConnectionState::Disconnected)]);
    assert_eq!(desk.disconnects, [ConnectionId(1)]);
    assert_eq!(desk.session.poll_timeout(), None);
}

#[test]
fn a_join_that_is_answered_with_nonsense_fails() {
    let mut desk = Desk::new();
    let id = desk.call(join_call("ada", Role::Joiner));
    desk.open();
    desk.events();
    desk.grant(Accepted::Done);
    assert_eq!(desk.answers(), [(id, Err(Code::INTERNAL))]);
    assert_eq!(desk.session.state(), ConnectionState::Disconnected);
}

#[test]
fn a_join_without_an_answer_says_goodbye_in_case_it_was_granted() {
    let mut desk = Desk::new();
    let id = desk.call(join_call("ada", Role::Joiner));
    desk.open();
    desk.messages();
    desk.pass(limits::RESPONSE_TIMEOUT);
    assert_eq!(desk.messages(), [ClientMessage::Leave]);
    assert_eq!(desk.answers(), [(id, Err(Code::RESPONSE_TIMEOUT))]);
}

#[test]
fn a_removal_ahead_of_the_answer_is_the_answer() {
    let mut desk = Desk::new();
    let id = desk.call(join_call("ada", Role::Joiner));
    desk.open();
    desk.receive(ServerMessage::Removed { code: Code::REPLACED });
    assert_eq!(desk.answers(), [(id, Err(Code::REPLACED))]);
}

#[test]
fn what_is_heard_ahead_of_the_snapshot_is_older_than_it() {
    let mut desk = Desk::new();
    desk.call(join_call("ada", Role::Joiner));
    desk.open();
    desk.events();
    desk.receive(ServerMessage::PeerJoined { user: user("bob"), name: None });
    desk.receive(ServerMessage::PeerLeft { user: user("ada"), reason: LeaveReason::REPLACED });
    assert_eq!(desk.events(), []);
}

//
#[test]
fn a_second_join_is_refused_and_changes_nothing() {
    let mut desk = Desk::joined(&[], vec![]);
    let before = desk.session.member();
    let id = desk.call(join_call("ada", Role::Player));
    assert_eq!(desk.events(), [answered(id, Err(Code::ALREADY_IN_ROOM))]);
    assert_eq!((desk.session.member(), desk.messages()), (before, vec![]));
}

// R-063 R-076 R-082
#[test]
fn outside_a_room_there_is_nothing_to_ask_for() {
    let mut desk = Desk::new();
    for call in [
        Call::Leave,
        Call::SwitchRole { role: Role::Player, credential: None },
        Call::Publish { offer: sound(StreamKind::Main) },
        subscribe(1),
    ] {
        let id = desk.call(call);
        assert_eq!(desk.events(), [answered(id, Err(Code::NOT_IN_ROOM))]);
    }
    assert_eq!(desk.messages(), []);
}

//
#[test]
fn a_user_that_the_server_chooses_is_told_and_comes_back_as_that() {
    // Given a join that names no user,
    let mut desk = Desk::new();
    let id =
        desk.call(Call::Join(JoinCall { user: None, ..JoinCall::new(RoomId::new("stage").expect("a valid id"), user("x"), Role::Joiner) }));
    desk.open();
    let asked = |desk: &Desk| match last_join(desk) {
        ClientMessage::Join { user, .. } => user.clone(),
        _ => None,
    };
    assert_eq!(asked(&desk), None);
    // when the server chooses 4711,
    let Accepted::Joined { member, version, role, resumed, members, streams, .. } = joined(&["bob"], vec![], false) else {
        unreachable!("joined() makes that")
    };
    desk.grant(Accepted::Joined { member, user: Some(user("4711")), version, role, resumed, members, streams });
    // then the application hears it, and it is 4711 who comes back.
    assert_eq!(desk.answers(), [(id, Ok(Answer::Joined { user: user("4711"), role: Role::Joiner }))]);
    assert_eq!(desk.session.user(), Some(&user("4711")));
    desk.close();
    desk.open();
    assert_eq!(asked(&desk), Some(user("4711")));
}

//
#[test]
fn a_user_that_was_asked_for_stays() {
    let mut desk = Desk::joined(&[], vec![]);
    assert_eq!(desk.session.user(), Some(&user("ada")));
    desk.call(Call::Leave);
    desk.grant(Accepted::Done);
    assert_eq!(desk.session.user(), None);
}

#[test]
fn a_server_that_lets_nobody_in_in_particular_is_wrong() {
    let mut desk = Desk::new();
    let id =
        desk.call(Call::Join(JoinCall { user: None, ..JoinCall::new(RoomId::new("stage").expect("a valid id"), user("x"), Role::Joiner) }));
    desk.open();
    desk.grant(joined(&[], vec![], false));
    assert_eq!(desk.answers(), [(id, Err(Code::INTERNAL))]);
}

// Looking up

/// Three seconds to look up, and no second attempt.
fn looking_up() -> Config {
    let mut config = Config::default();
    config.lookup_timeout = Some(3 * SECOND);
    config
}

/// The same, and attempts without end.
fn persistent() -> Config {
    let mut config = looking_up();
    config.retry_join = true;
    config
}

// R-018 R-033
#[test]
fn a_lookup_comes_before_the_connection_and_the_application_sees_one_state() {
    let mut desk = Desk::with(looking_up());
    let id = desk.call(join_call("ada", Role::Joiner));
    assert_eq!(desk.events(), [changed(ConnectionState::Disconnected, ConnectionState::Connecting)]);
    desk.pass(2 * SECOND);
    desk.find();
    desk.pass(limits::CONNECT_TIMEOUT.saturating_sub(MILLISECOND));
    assert_eq!((desk.events(), desk.messages()), (vec![], vec![]));
    desk.open();
    assert_eq!(desk.events(), []);
    desk.grant(joined(&[], vec![], false));
    assert!(matches!(desk.answers()[..], [(call, Ok(Answer::Joined { .. }))] if call == id));
}

//
#[test]
fn each_step_on_the_way_in_has_its_bound_and_its_code() {
    let steps: [(Act, Duration, Code); 3] = [
        (|_| {}, 3 * SECOND, Code::LOOKUP_TIMEOUT),
        (Desk::find, limits::CONNECT_TIMEOUT, Code::CONNECT_TIMEOUT),
        (Desk::open, limits::RESPONSE_TIMEOUT, Code::RESPONSE_TIMEOUT),
    ];
    for (before, span, code) in steps {
        let mut desk = Desk::with(looking_up());
        let id = desk.call(join_call("ada", Role::Joiner));
        before(&mut desk);
        desk.pass(span.saturating_sub(MILLISECOND));
        assert_eq!(desk.answers(), [], "{code}");
        desk.pass(MILLISECOND);
        assert_eq!(desk.answers(), [(id, Err(code))]);
        assert_eq!((desk.session.state(), desk.session.poll_timeout()), (ConnectionState::Disconnected, None));
        assert_eq!(desk.disconnects, [ConnectionId(1)]);
    }
}

//
#[test]
fn a_connection_that_cannot_be_had_fails_the_join_with_the_reason() {
    for code in [Code::NO_CONFIGURATION, Code::NO_ADDRESS, Code::LOOKUP_REFUSED, Code::NO_SERVER, Code::OPEN_REFUSED] {
        for config in [Config::default(), looking_up()] {
            let mut desk = Desk::with(config);
            let id = desk.call(join_call("ada", Role::Joiner));
            desk.fail(code);
            let back = changed(ConnectionState::Connecting, ConnectionState::Disconnected);
            assert_eq!(desk.events()[1..], [answered(id, Err(code)), back]);
        }
    }
}

#[test]
fn news_of_another_lookup_are_nothing() {
    let mut desk = Desk::with(looking_up());
    desk.call(join_call("ada", Role::Joiner));
    let before = desk.session.clone();
    let connection = ConnectionId(7);
    desk.tell(Input::Found { connection });
    desk.tell(Input::Failed { connection, code: Code::NO_SERVER });
    assert_eq!(desk.session, before);
}

// Trying again

//
#[test]
fn trouble_on_the_way_in_is_told_and_the_join_is_tried_again() {
    let troubles: [(Act, Code); 8] = [
        (|desk| desk.pass(3 * SECOND), Code::LOOKUP_TIMEOUT),
        (|desk| desk.fail(Code::LOOKUP_REFUSED), Code::LOOKUP_REFUSED),
        (|desk| desk.fail(Code::NO_SERVER), Code::NO_SERVER),
        (|desk| desk.fail(Code::OPEN_REFUSED), Code::OPEN_REFUSED),
        (Desk::close, Code::NOT_CONNECTED),
        (
            |desk| {
                desk.find();
                desk.pass(limits::CONNECT_TIMEOUT);
            },
            Code::CONNECT_TIMEOUT,
        ),
        (
            |desk| {
                desk.open();
                desk.pass(limits::RESPONSE_TIMEOUT);
            },
            Code::RESPONSE_TIMEOUT,
        ),
        (
            |desk| {
                desk.open();
                desk.close();
            },
            Code::CLOSED_BY_PEER,
        ),
    ];
    for (trouble, code) in troubles {
        // Given a join that meets trouble,
        let mut desk = Desk::with(persistent());
        let id = desk.call(join_call("ada", Role::Joiner));
        trouble(&mut desk);
        let events = desk.events();
        assert!(events.contains(&Event::Trouble { code }), "{code}: {events:?}");
        assert!(!events.iter().any(|event| matches!(event, Event::Answered { .. })), "{code}");
        assert_eq!(desk.session.state(), ConnectionState::Connecting);
        // when a moment has passed,
        desk.pass(limits::BACKOFF_FIRST);
        // then it is tried again, and may succeed.
        assert_eq!(desk.connects, [ConnectionId(1), ConnectionId(2)], "{code}");
        desk.find();
        desk.open();
        desk.grant(joined(&[], vec![], false));
        assert_eq!(desk.answers(), [(id, Ok(Answer::Joined { user: user("ada"), role: Role::Joiner }))]);
    }
}

//
#[test]
fn attempts_go_on_with_growing_waits_until_the_application_leaves() {
    let mut desk = Desk::with(persistent());
    let join = desk.call(join_call("ada", Role::Joiner));
    desk.pass(Duration::from_secs(600));
    let troubles = desk.events().iter().filter(|event| matches!(event, Event::Trouble { code: Code::LOOKUP_TIMEOUT })).count();
    assert!((75..=130).contains(&troubles), "an attempt of 3 s and a wait of at most 5 s make some 85 in ten minutes: {troubles}");
    let attempts = desk.connects.len();
    let leave = desk.call(Call::Leave);
    let back = changed(ConnectionState::Connecting, ConnectionState::Disconnected);
    assert_eq!(desk.events(), [answered(join, Err(Code::CUT_SHORT)), answered(leave, Ok(Answer::Done)), back]);
    desk.pass(Duration::from_secs(600));
    assert_eq!((desk.connects.len(), desk.events()), (attempts, vec![]));
}

//
#[test]
fn whoever_leaves_between_two_attempts_is_answered_once_and_nothing_follows() {
    let mut desk = Desk::with(persistent());
    let join = desk.call(join_call("ada", Role::Joiner));
    desk.fail(Code::OPEN_REFUSED);
    let leave = desk.call(Call::Leave);
    assert_eq!(desk.answers(), [(join, Err(Code::CUT_SHORT)), (leave, Ok(Answer::Done))]);
    assert_eq!((desk.disconnects.len(), desk.session.poll_timeout()), (0, None));
}

#[test]
fn what_the_server_refuses_and_what_cannot_be_mended_is_not_tried_again() {
    let mut desk = Desk::with(persistent());
    let id = desk.call(join_call("ada", Role::Joiner));
    desk.open();
    desk.refuse(Code::ROOM_FULL);
    assert_eq!(desk.answers(), [(id, Err(Code::ROOM_FULL))]);
    let id = desk.call(join_call("ada", Role::Joiner));
    desk.fail(Code::NO_ADDRESS);
    assert_eq!(desk.answers(), [(id, Err(Code::NO_ADDRESS))]);
    assert_eq!(desk.session.poll_timeout(), None);
}

// R-019 R-033
#[test]
fn a_join_that_goes_unanswered_says_goodbye_before_it_is_tried_again() {
    let mut desk = Desk::with(persistent());
    desk.call(join_call("ada", Role::Joiner));
    desk.open();
    desk.hush();
    desk.pass(limits::RESPONSE_TIMEOUT);
    assert_eq!((desk.messages(), desk.disconnects), (vec![ClientMessage::Leave], vec![ConnectionId(1)]));
}
