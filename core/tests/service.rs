//! Stories of a service: rooms by app and name, the way in, coming back, new keys and roles, calls of the application's server.

#[path = "common/lobby.rs"]
mod lobby;

use core::time::Duration;

use greenroom_core::{
    auth::{Authority, Credential, Secret},
    code::Code,
    id::{MemberId, RequestId, SessionId, SourceId},
    limits,
    role::Role,
    room::Event,
    service::{App, Input, Misuse, RoomNames, ServerCall},
    stream::{StreamKind, StreamOffer},
    time::Instant,
    wire::{Accepted, ClientFrame, ClientMessage, LeaveReason, ServerMessage},
};
use lobby::{AGORA, AGORA_CERTIFICATE, BEGIN, Join, Lobby, OPEN, SPARK, SPARK_KEY, app, channel_key, key, signed, user};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: u64 = 3600;

fn peer_joined(name: &str) -> ServerMessage {
    ServerMessage::PeerJoined { user: user(name), name: None }
}

fn peer_left(name: &str, reason: LeaveReason) -> ServerMessage {
    ServerMessage::PeerLeft { user: user(name), reason }
}

// Rooms

//
#[test]
fn rooms_of_one_name_in_two_apps_never_hear_of_each_other() {
    let mut lobby = Lobby::new();
    lobby.enter(1, Join::open("stage", "ada")).expect("the app is open");
    lobby.hush();
    lobby.enter(2, Join::signed("stage", "ada", BEGIN + HOUR)).expect("the signature is good");
    lobby.enter(3, Join::signed("stage", "bob", BEGIN + HOUR)).expect("the signature is good");
    assert_eq!(lobby.heard(1), [], "the other app's people");
    assert_eq!(lobby.heard(2), [peer_joined("bob")]);
    let rooms: Vec<_> = lobby.service.rooms().map(|(key, room)| (key.clone(), room.members().count())).collect();
    assert_eq!(rooms, [(key(SPARK, "stage"), 2), (key(OPEN, "stage"), 1)]);
}

//
#[test]
fn what_happens_in_one_room_is_said_in_that_room() {
    let mut lobby = Lobby::new();
    for (session, room, name) in [(1, "stage", "ada"), (2, "stage", "bob"), (3, "attic", "cem"), (4, "attic", "dia")] {
        lobby.enter(session, Join::open(room, name)).expect("the app is open");
    }
    lobby.hush();
    lobby.publish(1);
    assert!(matches!(lobby.heard(2)[..], [ServerMessage::StreamAdded { .. }]));
    assert_eq!((lobby.heard(3), lobby.heard(4)), (vec![], vec![]));
    assert!(lobby.media().iter().all(|(room, _)| *room == key(OPEN, "stage")));
}

#[test]
fn a_room_begins_with_its_first_member_and_ends_a_while_after_its_last() {
    let mut lobby = Lobby::new();
    lobby.enter(1, Join::open("stage", "ada")).expect("the app is open");
    assert_eq!(lobby.ask(1, ClientMessage::Leave), Ok(Accepted::Done));
    lobby.pass(limits::ROOM_IDLE.saturating_sub(SECOND));
    assert_eq!(lobby.service.usage().idle_rooms, 1);
    // Somebody comes in time: it is the same room, and numbers of stays go on.
    assert_eq!(lobby.enter(2, Join::open("stage", "bob")), Ok(MemberId(2)));
    assert_eq!(lobby.service.usage().idle_rooms, 0);
    lobby.ask(2, ClientMessage::Leave).expect("he is in");
    lobby.pass(limits::ROOM_IDLE);
    assert_eq!(lobby.service.usage().rooms, 0);
}

#[test]
fn a_stay_that_went_with_its_room_is_not_taken_for_a_newer_one_of_the_same_user() {
    // Given Ada on one device, who loses her connection, and does not come back before stay and room are gone,
    let mut lobby = Lobby::new();
    let stay = lobby.enter(1, Join::open("stage", "ada")).expect("the app is open");
    lobby.disconnect(1);
    lobby.pass(limits::RECONNECT_WINDOW + limits::ROOM_IDLE);
    assert_eq!(lobby.service.usage().rooms, 0);
    // when she enters from another, and the first comes back,
    let newer = lobby.enter(2, Join::open("stage", "ada")).expect("the app is open");
    let back = lobby.enter(3, Join::open("stage", "ada").resumes(stay));
    // then that is none of hers any more: else each device would take the stay from the other, without end.
    assert_ne!(newer, stay);
    assert_eq!(back, Err(Code::SESSION_GONE));
    assert_eq!(lobby.closed(), []);
}

#[test]
fn a_refused_join_begins_no_room() {
    let mut lobby = Lobby::with(|config| config.room.members_max = 0);
    assert_eq!(lobby.enter(1, Join::open("stage", "ada")), Err(Code::ROOM_FULL));
    assert_eq!(lobby.enter(2, Join::new(SPARK, "stage", "ada")), Err(Code::KEY_INVALID));
    assert_eq!(lobby.service.usage().rooms, 0);
}

#[test]
fn there_are_no_more_rooms_than_may_be_and_idle_ones_make_place() {
    let mut lobby = Lobby::with(|config| config.rooms_max = 2);
    lobby.enter(1, Join::open("one", "ada")).expect("there is place");
    lobby.enter(2, Join::open("two", "bob")).expect("there is place");
    assert_eq!(lobby.enter(3, Join::open("three", "cem")), Err(Code::TOO_MANY_ROOMS));
    lobby.ask(1, ClientMessage::Leave).expect("she is in");
    assert_eq!(lobby.join(3, Join::open("three", "cem")), Ok(MemberId(2)), "numbers count on from the room that made place");
    assert!(lobby.service.room(&key(OPEN, "one")).is_none());
}

//
#[test]
fn a_full_room_refuses_whoever_is_not_in_it() {
    let mut lobby = Lobby::with(|config| config.room.members_max = 1);
    lobby.enter(1, Join::open("stage", "ada")).expect("there is place");
    assert_eq!(lobby.enter(2, Join::open("stage", "bob")), Err(Code::ROOM_FULL));
}

// The way in

//
#[test]
fn an_app_that_nobody_knows_is_refused() {
    let mut lobby = Lobby::new();
    assert_eq!(lobby.enter(1, Join::new("nobody", "stage", "ada")), Err(Code::UNKNOWN_APP));
    let unnamed = Join { app: None, ..Join::open("stage", "ada") };
    assert_eq!(lobby.join(1, unnamed), Err(Code::UNKNOWN_APP), "there are three");
}

//
#[test]
fn a_join_that_names_no_app_means_the_only_one_and_an_open_app_takes_no_key() {
    let mut lobby = Lobby::with(|config| config.apps.retain(|id, _| *id == app(OPEN)));
    let unnamed = Join { app: None, ..Join::open("stage", "ada") };
    assert_eq!(lobby.enter(1, unnamed), Ok(MemberId(1)));
}

// R-056 R-071
#[test]
fn rooms_have_names_that_their_app_uses() {
    let mut lobby = Lobby::new();
    assert_eq!(lobby.enter(1, Join::signed("a room", "ada", BEGIN + HOUR)), Err(Code::ROOM_NAME_REFUSED));
    let key = |room: &str| Join::new(AGORA, room, "7").showing(channel_key(room, 7, BEGIN, 0));
    assert_eq!(lobby.enter(2, key("a|b")), Err(Code::ROOM_NAME_REFUSED));
    assert_eq!(lobby.join(2, key("a room: {1,2}!")), Ok(MemberId(1)));
    assert_eq!(lobby.enter(3, Join::open("a|b", "ada")), Ok(MemberId(1)), "an open app uses any");
    assert!(RoomNames::SparkRtc.allow(&lobby::room_id("Room_1-a")) && !RoomNames::SparkRtc.allow(&lobby::room_id("room.1")));
}

// R-041 R-053
#[test]
fn a_credential_is_for_one_app_one_room_and_one_user() {
    let mut lobby = Lobby::new();
    let good = signed("stage", "ada", BEGIN + HOUR);
    lobby.open(1);
    for join in [
        Join::new(SPARK, "stage", "ada"),
        Join::new(SPARK, "attic", "ada").showing(good.clone()),
        Join::new(SPARK, "stage", "bob").showing(good.clone()),
        Join::new(SPARK, "stage", "ada").showing(channel_key("stage", 7, BEGIN, 0)),
        Join::new(AGORA, "stage", "ada").showing(good.clone()),
        Join::signed("stage", "ada", BEGIN + 12 * HOUR),
    ] {
        assert_eq!(lobby.join(1, join.clone()), Err(Code::KEY_INVALID), "{join:?}");
    }
    assert_eq!(lobby.join(1, Join::signed("stage", "ada", BEGIN - 1)), Err(Code::KEY_EXPIRED));
    assert_eq!(lobby.join(1, Join::new(SPARK, "stage", "ada").showing(good)), Ok(MemberId(1)));
}

//
#[test]
fn a_channel_key_lets_in_for_five_minutes() {
    let mut lobby = Lobby::new();
    let seven = Join::new(AGORA, "stage", "7");
    lobby.open(1);
    assert_eq!(lobby.join(1, seven.clone().showing(channel_key("stage", 7, BEGIN - 301, 0))), Err(Code::KEY_EXPIRED));
    assert_eq!(lobby.join(1, seven.showing(channel_key("stage", 7, BEGIN - 300, 0))), Ok(MemberId(1)));
}

#[test]
fn a_join_that_is_refused_displaces_nobody() {
    let mut lobby = Lobby::new();
    lobby.enter(1, Join::signed("stage", "ada", BEGIN + HOUR)).expect("the signature is good");
    lobby.hush();
    assert_eq!(lobby.enter(2, Join::signed("stage", "ada", BEGIN - HOUR)), Err(Code::KEY_EXPIRED));
    assert_eq!((lobby.heard(1), lobby.closed()), (vec![], vec![]));
    assert_eq!(lobby.ask(1, ClientMessage::Rename { name: None }), Ok(Accepted::Done));
}

// R-064 R-065
#[test]
fn a_user_who_enters_again_takes_its_own_place() {
    let mut lobby = Lobby::new();
    lobby.enter(1, Join::open("stage", "ada")).expect("the app is open");
    lobby.enter(2, Join::open("stage", "bob")).expect("the app is open");
    lobby.hush();
    lobby.enter(3, Join::open("stage", "ada")).expect("the app is open");
    assert_eq!(lobby.heard(1), [ServerMessage::Removed { code: Code::REPLACED }]);
    assert_eq!(lobby.closed(), [SessionId(1)]);
    assert_eq!(lobby.heard(2), [peer_left("ada", LeaveReason::REPLACED), peer_joined("ada")]);
    assert_eq!(lobby.service.usage().users, 2);
}

#[test]
fn a_connection_leads_to_one_room() {
    let mut lobby = Lobby::new();
    lobby.enter(1, Join::open("stage", "ada")).expect("the app is open");
    assert_eq!(lobby.join(1, Join::open("attic", "ada").player()), Err(Code::ALREADY_IN_ROOM));
    lobby.ask(1, ClientMessage::Leave).expect("she is in");
    assert_eq!(lobby.join(1, Join::open("attic", "ada")), Ok(MemberId(1)), "one after the other it may");
}

//
#[test]
fn a_user_without_an_id_gets_a_number_that_nobody_has() {
    let mut lobby = Lobby::new();
    lobby.enter(1, Join::new(AGORA, "stage", "1").showing(channel_key("stage", 1, BEGIN, 0))).expect("the key is good");
    let unnamed = Join { user: None, ..Join::new(AGORA, "stage", "0") }.showing(channel_key("stage", 0, BEGIN, 0));
    let zero = Join { user: Some(user("0")), ..unnamed.clone() };
    let mut given = Vec::new();
    for (session, join) in [(2, unnamed), (3, zero)] {
        lobby.open(session);
        let Ok(Accepted::Joined { user: Some(user), .. }) = lobby.ask(session, join.message()) else { panic!("a number was to be given") };
        given.push(user);
    }
    assert_eq!(given, [user("2"), user("3")]);
    assert_eq!(lobby.enter(4, Join { user: None, ..Join::new(SPARK, "stage", "x") }), Err(Code::BAD_REQUEST), "this app names its users");
}

// R-072 R-045
#[test]
fn who_was_given_a_number_comes_back_with_what_it_showed_and_nobody_else_does() {
    let mut lobby = Lobby::new();
    let shown = channel_key("stage", 0, BEGIN, 0);
    let others = channel_key("stage", 0, BEGIN + 1, 0);
    let unnamed = Join { user: None, ..Join::new(AGORA, "stage", "0") };
    let first = lobby.enter(1, unnamed.clone().showing(shown.clone())).expect("the key is good");
    lobby.enter(2, unnamed.showing(others.clone())).expect("the key is good");
    lobby.disconnect(1);
    let back = Join::new(AGORA, "stage", "1").resumes(first);
    assert_eq!(lobby.enter(3, back.clone().showing(others.clone())), Err(Code::KEY_INVALID), "a key for anybody is not a key for her");
    assert_eq!(lobby.join(3, back.clone().showing(shown.clone())), Ok(first));
    // A new key takes the place of the old one in this, too.
    let newer = channel_key("stage", 0, BEGIN - 5, 0);
    assert_eq!(lobby.ask(3, ClientMessage::Renew { credential: newer.clone() }), Ok(Accepted::Done));
    lobby.disconnect(3);
    assert_eq!(lobby.enter(4, back.clone().showing(shown)), Err(Code::KEY_INVALID));
    assert_eq!(lobby.join(4, back.showing(newer)), Ok(first));
}

#[test]
fn the_app_says_who_may_be_a_joiner() {
    let mut lobby = Lobby::with(|config| {
        let roles = &mut config.apps.get_mut(&app(SPARK)).expect("it is there").roles;
        roles.highest = Role::Player;
        roles.of.insert(user("ada"), Role::Joiner);
    });
    let join = |name| Join::signed("stage", name, BEGIN + HOUR);
    assert_eq!(lobby.enter(1, join("ada")), Ok(MemberId(1)));
    assert_eq!(lobby.enter(2, join("bob")), Err(Code::ROLE_REFUSED));
    assert_eq!(lobby.join(2, join("bob").player()), Ok(MemberId(2)));
    assert_eq!(lobby.switch(2, Role::Joiner, Some(signed("stage", "bob", BEGIN + HOUR))), Err(Code::ROLE_REFUSED));
    assert_eq!(lobby.role(&key(SPARK, "stage"), "bob"), Some(Role::Player));
}

// Coming back

// R-021 R-023
#[test]
fn who_comes_back_shows_its_credential_and_goes_on() {
    let mut lobby = Lobby::new();
    let ada = lobby.enter(1, Join::signed("stage", "ada", BEGIN + HOUR)).expect("the signature is good");
    lobby.enter(2, Join::signed("stage", "bob", BEGIN + HOUR)).expect("the signature is good");
    let stream = lobby.publish(1);
    lobby.disconnect(1);
    lobby.hush();
    lobby.pass_alive(4 * SECOND, &[2]);
    lobby.open(3);
    assert_eq!(lobby.join(3, Join::new(SPARK, "stage", "ada").resumes(ada)), Err(Code::KEY_INVALID));
    assert_eq!(lobby.join(3, Join::signed("stage", "ada", BEGIN + HOUR).resumes(ada)), Ok(ada));
    assert_eq!(lobby.heard(2), [], "nobody else hears of it");
    let room = lobby.service.room(&key(SPARK, "stage")).expect("it goes on");
    assert!(room.stream(stream).is_some());
}

#[test]
fn a_channel_key_that_is_no_longer_fresh_is_good_to_come_back_with() {
    let mut lobby = Lobby::new();
    let seven = Join::new(AGORA, "stage", "7").showing(channel_key("stage", 7, BEGIN, 0));
    let stay = lobby.enter(1, seven.clone()).expect("the key is good");
    lobby.pass_alive(Duration::from_secs(400), &[1]);
    lobby.disconnect(1);
    assert_eq!(lobby.enter(2, seven.clone()), Err(Code::KEY_EXPIRED));
    assert_eq!(lobby.join(2, seven.resumes(stay)), Ok(stay));
}

#[test]
fn a_stay_in_a_room_that_is_gone_is_gone() {
    let mut lobby = Lobby::new();
    assert_eq!(lobby.enter(1, Join::open("stage", "ada").resumes(MemberId(1))), Err(Code::SESSION_GONE));
    assert_eq!(lobby.service.usage().rooms, 0);
}

//
#[test]
fn a_stay_that_nobody_comes_back_to_ends() {
    let mut lobby = Lobby::new();
    lobby.enter(1, Join::open("stage", "ada")).expect("the app is open");
    lobby.enter(2, Join::open("stage", "bob")).expect("the app is open");
    lobby.hush();
    lobby.disconnect(1);
    lobby.pass_alive(limits::RECONNECT_WINDOW, &[2]);
    assert_eq!(lobby.heard(2), [peer_left("ada", LeaveReason::CONNECTION_LOST)]);
    assert_eq!(lobby.service.usage().users, 1);
}

// R-064 R-066 R-067
#[test]
fn who_comes_back_to_a_stay_that_was_ended_hears_why() {
    type End = fn(&mut Lobby);
    let ends: [(Code, End); 3] = [
        (Code::REPLACED, |lobby| {
            lobby.enter(2, Join::open("stage", "ada")).expect("the app is open");
        }),
        (Code::REMOVED, |lobby| {
            lobby.call(ServerCall::RemoveUser { room: key(OPEN, "stage"), user: user("ada") }).expect("she is there");
        }),
        (Code::DISSOLVED, |lobby| {
            lobby.call(ServerCall::DissolveRoom { room: key(OPEN, "stage") }).expect("it is there");
        }),
    ];
    for (code, end) in ends {
        let mut lobby = Lobby::new();
        let stay = lobby.enter(1, Join::open("stage", "ada")).expect("the app is open");
        lobby.disconnect(1);
        end(&mut lobby);
        let back = || Join::open("stage", "ada").resumes(stay);
        assert_eq!(lobby.enter(3, back()), Err(code));
        lobby.pass(limits::RECONNECT_WINDOW);
        assert_eq!(lobby.enter(4, back()), Err(Code::SESSION_GONE), "{code}: after that time nobody comes back");
    }
}

//
#[test]
fn a_dissolved_room_is_remembered_though_another_of_its_name_has_begun() {
    // Given Ada, who is away when the room is dissolved, and Bob, who enters the next of that name at once,
    let mut lobby = Lobby::new();
    let stay = lobby.enter(1, Join::open("stage", "ada")).expect("the app is open");
    lobby.disconnect(1);
    lobby.call(ServerCall::DissolveRoom { room: key(OPEN, "stage") }).expect("it is there");
    let bob = lobby.enter(2, Join::open("stage", "bob")).expect("another room");
    lobby.disconnect(2);
    // then she hears of the end of hers, he comes back to his, and she may enter that one.
    assert_eq!(lobby.enter(3, Join::open("stage", "ada").resumes(stay)), Err(Code::DISSOLVED));
    assert_eq!(lobby.enter(4, Join::open("stage", "bob").resumes(bob)), Ok(bob));
    assert!(lobby.enter(5, Join::open("stage", "ada")).is_ok());
    assert_eq!(lobby.enter(6, Join::open("attic", "ada").resumes(stay)), Err(Code::SESSION_GONE), "of a room that nobody dissolved");
}

// Keys

// R-043 R-045 R-047
#[test]
fn who_comes_back_in_its_grace_shows_the_signature_that_ended_and_has_the_rest_to_renew_it() {
    let mut lobby = Lobby::new();
    let ended = Join::signed("stage", "ada", BEGIN + 10);
    let stay = lobby.enter(1, ended.clone()).expect("the signature is good");
    let back = |join: &Join| join.clone().resumes(stay);
    lobby.pass_alive(9 * SECOND, &[1]);
    lobby.disconnect(1);
    lobby.pass(12 * SECOND);
    // Only with the one that has just ended: an older one, of which somebody may have come by, is no good.
    assert_eq!(lobby.enter(2, back(&Join::signed("stage", "ada", BEGIN - 60))), Err(Code::KEY_EXPIRED));
    assert_eq!(lobby.enter(3, ended.clone()), Err(Code::KEY_EXPIRED), "nor is it to enter anew");
    assert_eq!(lobby.enter(4, back(&ended)), Ok(stay));
    assert_eq!(lobby.heard(4), [ServerMessage::KeyRefused { code: Code::KEY_EXPIRED }]);
    assert_eq!(lobby.ask(4, ClientMessage::Renew { credential: signed("stage", "ada", BEGIN + HOUR) }), Ok(Accepted::Done));
    // From then on the new one counts.
    lobby.disconnect(4);
    assert_eq!(lobby.enter(5, back(&ended)), Err(Code::KEY_EXPIRED));
    assert_eq!(lobby.enter(6, back(&Join::signed("stage", "ada", BEGIN + HOUR))), Ok(stay));
}

//
#[test]
fn who_comes_back_after_its_grace_hears_that_its_signature_has_ended() {
    let mut lobby = Lobby::with(|config| config.room.reconnect_window = Duration::from_secs(120));
    let ended = Join::signed("stage", "ada", BEGIN + 10);
    let stay = lobby.enter(1, ended.clone()).expect("the signature is good");
    lobby.pass_alive(9 * SECOND, &[1]);
    lobby.disconnect(1);
    lobby.pass(2 * SECOND + limits::KEY_GRACE);
    assert_eq!(lobby.enter(2, ended.resumes(stay)), Err(Code::KEY_EXPIRED));
    let newer = Join::signed("stage", "ada", BEGIN + HOUR);
    assert_eq!(lobby.enter(3, newer.resumes(stay)), Err(Code::KEY_EXPIRED), "a better one comes too late");
}

// R-039 R-043 R-047 R-263
#[test]
fn a_signature_is_good_to_the_end_of_its_last_second_and_then_there_is_a_grace() {
    let mut lobby = Lobby::new();
    lobby.enter(1, Join::signed("stage", "ada", BEGIN + 10)).expect("the signature is good");
    lobby.enter(2, Join::signed("stage", "bob", BEGIN + HOUR)).expect("the signature is good");
    lobby.hush();
    lobby.pass_alive(Duration::from_millis(10_999), &[1, 2]);
    assert_eq!(lobby.heard(1), []);
    lobby.pass(Duration::from_millis(1));
    assert_eq!(lobby.heard(1), [ServerMessage::KeyRefused { code: Code::KEY_EXPIRED }]);
    lobby.pass_alive(limits::KEY_GRACE, &[1, 2]);
    assert_eq!(lobby.heard(2), [peer_left("ada", LeaveReason::KEY_EXPIRED)]);
    assert_eq!(lobby.closed(), [SessionId(1)]);
}

//
#[test]
fn the_end_of_service_in_a_channel_key_ends_the_stay_at_once() {
    let mut lobby = Lobby::new();
    lobby.enter(1, Join::new(AGORA, "stage", "7").showing(channel_key("stage", 7, BEGIN, BEGIN + 10))).expect("the key is good");
    lobby.enter(2, Join::new(AGORA, "stage", "8").showing(channel_key("stage", 8, BEGIN, 0))).expect("the key is good");
    lobby.hush();
    lobby.pass_alive(Duration::from_millis(9_999), &[1, 2]);
    assert_eq!(lobby.heard(2), []);
    lobby.pass(Duration::from_millis(1));
    assert_eq!(lobby.heard(2), [peer_left("7", LeaveReason::KEY_EXPIRED)]);
    assert_eq!(lobby.closed(), [SessionId(1)]);
}

//
#[test]
fn an_app_may_have_a_grace_of_its_own() {
    let mut lobby = Lobby::with(|config| {
        config.apps.get_mut(&app(AGORA)).expect("it is there").key_grace = Some(5 * SECOND);
        config.apps.get_mut(&app(SPARK)).expect("it is there").key_grace = Some(Duration::ZERO);
    });
    lobby.enter(1, Join::new(AGORA, "stage", "7").showing(channel_key("stage", 7, BEGIN, BEGIN + 10))).expect("the key is good");
    lobby.enter(2, Join::signed("stage", "ada", BEGIN + 10)).expect("the signature is good");
    lobby.hush();
    lobby.pass_alive(11 * SECOND, &[1, 2]);
    assert_eq!((lobby.heard(1), lobby.closed()), (vec![ServerMessage::KeyRefused { code: Code::KEY_EXPIRED }], vec![SessionId(2)]));
    lobby.pass_alive(5 * SECOND, &[1]);
    assert_eq!(lobby.closed(), [SessionId(1)]);
}

// R-045 R-046
#[test]
fn a_good_new_key_takes_the_place_of_the_old_one_and_a_bad_one_does_not() {
    let mut lobby = Lobby::new();
    lobby.enter(1, Join::signed("stage", "ada", BEGIN + 10)).expect("the signature is good");
    lobby.pass_alive(11 * SECOND, &[1]);
    assert_eq!(lobby.heard(1), [ServerMessage::KeyRefused { code: Code::KEY_EXPIRED }]);
    let renew = |lobby: &mut Lobby, credential: Credential| lobby.ask(1, ClientMessage::Renew { credential });
    assert_eq!(renew(&mut lobby, signed("stage", "ada", BEGIN + 10)), Err(Code::KEY_EXPIRED));
    assert_eq!(renew(&mut lobby, signed("stage", "bob", BEGIN + HOUR)), Err(Code::KEY_INVALID));
    assert_eq!(renew(&mut lobby, signed("stage", "ada", BEGIN + HOUR)), Ok(Accepted::Done));
    // One that ends sooner is no worse a key, and shortens nothing.
    assert_eq!(renew(&mut lobby, signed("stage", "ada", BEGIN + 60)), Ok(Accepted::Done));
    lobby.pass_alive(Duration::from_secs(HOUR - 20), &[1]);
    assert_eq!((lobby.heard(1), lobby.closed()), (vec![], vec![]));
}

// R-042 R-044
#[test]
fn a_key_that_turns_out_to_be_invalid_is_to_be_renewed() {
    let mut lobby = Lobby::new();
    lobby.enter(1, Join::signed("stage", "ada", BEGIN + HOUR)).expect("the signature is good");
    let (room, user) = (key(SPARK, "stage"), user("ada"));
    assert_eq!(lobby.call(ServerCall::KeyInvalid { room, user }), Ok(()));
    assert_eq!(lobby.heard(1), [ServerMessage::KeyRefused { code: Code::KEY_INVALID }]);
    assert_eq!(lobby.ask(1, ClientMessage::Renew { credential: signed("stage", "ada", BEGIN + HOUR) }), Ok(Accepted::Done));
    lobby.pass_alive(2 * limits::KEY_GRACE, &[1]);
    assert_eq!(lobby.closed(), []);
}

// Roles

// R-076 R-077
#[test]
fn a_role_is_switched_with_a_fresh_credential_and_otherwise_stays() {
    let mut lobby = Lobby::new();
    let stage = key(SPARK, "stage");
    lobby.open(1);
    assert_eq!(lobby.switch(1, Role::Joiner, None), Err(Code::NOT_IN_ROOM));
    lobby.join(1, Join::signed("stage", "ada", BEGIN + 60).player()).expect("the signature is good");
    assert_eq!(lobby.switch(1, Role::Joiner, None), Err(Code::KEY_INVALID));
    assert_eq!(lobby.switch(1, Role::Joiner, Some(signed("stage", "bob", BEGIN + 60))), Err(Code::KEY_INVALID));
    assert_eq!(lobby.switch(1, Role::Joiner, Some(signed("stage", "ada", BEGIN - 1))), Err(Code::KEY_EXPIRED));
    assert_eq!(lobby.role(&stage, "ada"), Some(Role::Player));
    assert_eq!(lobby.switch(1, Role::Joiner, Some(signed("stage", "ada", BEGIN + HOUR))), Ok(Accepted::Done));
    assert_eq!(lobby.role(&stage, "ada"), Some(Role::Joiner));
    lobby.publish(1);
    // The key that came with it counts from now on.
    lobby.pass_alive(Duration::from_secs(600), &[1]);
    assert_eq!(lobby.heard(1), []);
}

#[test]
fn an_open_app_asks_for_no_credential_to_switch_roles() {
    let mut lobby = Lobby::new();
    lobby.enter(1, Join::open("stage", "ada").player()).expect("the app is open");
    assert_eq!(lobby.switch(1, Role::Joiner, None), Ok(Accepted::Done));
    assert_eq!(lobby.role(&key(OPEN, "stage"), "ada"), Some(Role::Joiner));
}

// The application's server

//
#[test]
fn a_room_is_dissolved_and_its_name_is_free_again() {
    let mut lobby = Lobby::new();
    let stage = key(OPEN, "stage");
    lobby.enter(1, Join::open("stage", "ada")).expect("the app is open");
    lobby.enter(2, Join::open("stage", "bob")).expect("the app is open");
    lobby.disconnect(2);
    lobby.hush();
    assert_eq!(lobby.call(ServerCall::DissolveRoom { room: stage.clone() }), Ok(()));
    lobby.pass(SECOND);
    assert_eq!(lobby.heard(1).last(), Some(&ServerMessage::Removed { code: Code::DISSOLVED }));
    assert_eq!(lobby.closed(), [SessionId(1)]);
    let left: Vec<_> =
        lobby.events().into_iter().filter(|(_, event)| matches!(event, Event::Left { reason: LeaveReason::DISSOLVED, .. })).collect();
    assert_eq!((left.len(), lobby.service.usage().rooms), (2, 0));
    assert_eq!(lobby.call(ServerCall::DissolveRoom { room: stage }), Err(Code::NO_SUCH_ROOM));
    assert_eq!(lobby.enter(3, Join::open("stage", "cem")), Ok(MemberId(3)), "another room, and no number of the first");
}

// R-067 R-068
#[test]
fn a_user_is_removed_and_the_others_hear_why() {
    let mut lobby = Lobby::new();
    let stage = key(OPEN, "stage");
    for (session, name) in [(1, "ada"), (2, "bob"), (3, "cem")] {
        lobby.enter(session, Join::open("stage", name)).expect("the app is open");
    }
    lobby.hush();
    assert_eq!(lobby.call(ServerCall::RemoveUser { room: stage.clone(), user: user("bob") }), Ok(()));
    assert_eq!(lobby.heard(2), [ServerMessage::Removed { code: Code::REMOVED }]);
    assert_eq!(lobby.call(ServerCall::Fault { room: stage, user: user("cem"), reason: LeaveReason::MEDIA_FAULT }), Ok(()));
    assert_eq!(lobby.heard(1), [peer_left("bob", LeaveReason::REMOVED), peer_left("cem", LeaveReason::MEDIA_FAULT)]);
    assert_eq!(lobby.closed(), [SessionId(2), SessionId(3)]);
}

//
#[test]
fn calls_about_what_is_not_there_say_so() {
    let mut lobby = Lobby::new();
    lobby.enter(1, Join::open("stage", "ada")).expect("the app is open");
    let (stage, other, nobody) = (key(OPEN, "stage"), key(SPARK, "stage"), user("nobody"));
    for room in [other, key(OPEN, "attic")] {
        assert_eq!(lobby.call(ServerCall::PauseRoom { room: room.clone() }), Err(Code::NO_SUCH_ROOM));
        assert_eq!(lobby.call(ServerCall::RemoveUser { room, user: user("ada") }), Err(Code::NO_SUCH_ROOM));
    }
    assert_eq!(lobby.call(ServerCall::RemoveUser { room: stage.clone(), user: nobody.clone() }), Err(Code::NO_SUCH_USER));
    assert_eq!(lobby.call(ServerCall::KeyInvalid { room: stage, user: nobody }), Err(Code::NO_SUCH_USER));
}

//
#[test]
fn a_paused_room_takes_no_streams_until_it_is_resumed() {
    let mut lobby = Lobby::new();
    let room = key(OPEN, "stage");
    lobby.enter(1, Join::open("stage", "ada")).expect("the app is open");
    assert_eq!(lobby.call(ServerCall::PauseRoom { room: room.clone() }), Ok(()));
    let offer = StreamOffer { kind: StreamKind::Main, audio_bps: Some(32_000), layers: Vec::new(), on_demand: false };
    assert_eq!(lobby.ask(1, ClientMessage::Publish { offer }), Err(Code::ROOM_PAUSED));
    assert_eq!(lobby.call(ServerCall::ResumeRoom { room }), Ok(()));
    lobby.publish(1);
}

// Whoever embeds it

#[test]
fn mistakes_of_the_embedder_change_nothing() {
    let mut lobby = Lobby::new();
    lobby.open(1);
    let before = lobby.service.clone();
    let again = Input::Opened { session: SessionId(1), source: SourceId(2) };
    assert_eq!(lobby.service.handle_input(lobby.now, again), Err(Misuse::OpenAlready { session: SessionId(1) }));
    let past = Instant::from_secs(1);
    let refused = lobby.service.handle_input(past, Input::Disconnected { session: SessionId(1) });
    assert_eq!(refused, Err(Misuse::TimeWentBack { now: past, last: lobby.now }));
    assert_eq!(lobby.service, before);
}

#[test]
fn what_comes_on_a_connection_that_is_gone_is_for_nobody() {
    let mut lobby = Lobby::new();
    lobby.enter(1, Join::open("stage", "ada")).expect("the app is open");
    lobby.disconnect(1);
    lobby.hush();
    lobby.say(1, ClientMessage::Leave);
    lobby.say(9, Join::open("stage", "bob").message());
    lobby.disconnect(1);
    assert_eq!((lobby.heard(1), lobby.heard(9), lobby.events()), (vec![], vec![], vec![]));
}

//
#[test]
fn a_service_that_is_printed_shows_no_secret() {
    let mut lobby = Lobby::new();
    let Credential::Signature { signature, .. } = signed("stage", "ada", BEGIN + HOUR) else { panic!("it is one") };
    lobby.enter(1, Join::signed("stage", "ada", BEGIN + HOUR)).expect("the signature is good");
    let Credential::ChannelKey { key } = channel_key("stage", 0, BEGIN, 0) else { panic!("it is one") };
    let unnamed = Join { user: None, ..Join::new(AGORA, "stage", "0") };
    lobby.enter(2, unnamed.showing(channel_key("stage", 0, BEGIN, 0))).expect("the key is good");
    let message = Input::Message {
        session: SessionId(1),
        frame: ClientFrame { request: RequestId(1), message: Join::signed("stage", "ada", BEGIN + HOUR).message() },
    };
    let app = App::new(Authority::ChannelKey { certificate: Secret::new(AGORA_CERTIFICATE) });
    let shown = format!("{:?} {message:?} {app:?}", lobby.service);
    for secret in [core::str::from_utf8(SPARK_KEY), core::str::from_utf8(AGORA_CERTIFICATE), Ok(&*signature), Ok(&*key)] {
        let secret = secret.expect("they are text");
        assert!(!shown.contains(secret) && !shown.contains(&format!("{:?}", secret.as_bytes())));
    }
    assert!(shown.contains("stage"), "the rest it shows");
}
