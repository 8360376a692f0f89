//! Stories of keys: who is let in with one, what happens when it ends, and who takes whose place.

#[path = "common/hall.rs"]
mod hall;

use core::time::Duration;

use greenroom_core::{
    code::Code,
    id::{RequestId, SessionId},
    limits,
    role::Role,
    room::{Admission, Duplicates, Event, Input},
    time::Instant,
    wire::{Accepted, ClientMessage, LeaveReason, ServerMessage},
};
use hall::{Hall, admission, join, user};

const SECOND: Duration = Duration::from_secs(1);
const NANOSECOND: Duration = Duration::from_nanos(1);
/// How long the keys of these stories are good.
const HOUR: Duration = Duration::from_secs(3600);

fn key_expired() -> ServerMessage {
    ServerMessage::KeyRefused { code: Code::KEY_EXPIRED }
}

/// Ada, on connection 1, with a key for an hour, and Bob without end on connection 2.
fn ada_and_bob() -> (Hall, Instant) {
    let mut hall = Hall::new();
    let until = hall.now.saturating_add(HOUR);
    assert!(hall.admit(1, admission("ada", Some(until))).is_ok());
    assert!(hall.admit(2, admission("bob", None)).is_ok());
    hall.hush();
    (hall, until)
}

// Being let in

//
#[test]
fn who_was_given_its_id_by_the_server_is_told() {
    let mut hall = Hall::new();
    let answer = hall.admit(1, Admission { assigned: true, ..admission("4096", None) });
    assert!(matches!(answer, Ok(Accepted::Joined { user: Some(id), .. }) if id == user("4096")));
    let answer = hall.admit(2, admission("ada", None));
    assert!(matches!(answer, Ok(Accepted::Joined { user: None, .. })));
}

//
#[test]
fn a_key_is_good_at_its_last_instant_and_not_after_it() {
    let mut hall = Hall::new();
    let now = hall.now;
    let before = Instant::from_nanos(now.as_nanos() - 1);
    assert_eq!(hall.admit(1, admission("ada", Some(before))), Err(Code::KEY_EXPIRED));
    assert!(hall.admit(1, admission("ada", Some(now))).is_ok());
    hall.hush();
    assert_eq!(hall.room.poll_timeout(), Some(now.saturating_add(NANOSECOND)));
    hall.pass(NANOSECOND);
    assert_eq!(hall.heard(1), [key_expired()]);
}

#[test]
fn a_join_that_comes_as_a_message_needs_a_name_and_has_no_key() {
    let mut hall = Hall::new();
    let mut nameless = join("ada", Role::Joiner, None);
    let ClientMessage::Join { user, .. } = &mut nameless else {
        unreachable!("it was built as one");
    };
    *user = None;
    assert_eq!(hall.ask(1, nameless), Err(Code::BAD_REQUEST));
    hall.join(1, "ada");
    hall.hush();
    hall.pass_alive(2 * HOUR, &[1]);
    assert_eq!(hall.heard(1), []);
}

// The end of a key

// R-043 R-047
#[test]
fn whose_key_expired_is_told_once_and_sent_away_when_no_other_comes() {
    let (mut hall, _) = ada_and_bob();
    hall.pass_alive(HOUR, &[1, 2]);
    assert_eq!(hall.heard(1), []);
    // One instant after the last good one she is told, and nobody else is.
    hall.pass(NANOSECOND);
    assert_eq!((hall.heard(1), hall.heard(2)), (vec![key_expired()], vec![]));
    let ada = hall.room.member_of(&user("ada")).expect("she is there").id;
    assert_eq!(hall.events(), [Event::KeyRefused { member: ada, code: Code::KEY_EXPIRED }]);
    // The rest of the grace passes in silence, then she goes with reason 6.
    hall.pass_alive(limits::KEY_GRACE.saturating_sub(NANOSECOND), &[1, 2]);
    assert_eq!(hall.heard(1), []);
    hall.pass(NANOSECOND);
    assert_eq!(hall.heard(1), [ServerMessage::Removed { code: Code::KEY_EXPIRED }]);
    assert_eq!(hall.heard(2), [ServerMessage::PeerLeft { user: user("ada"), reason: LeaveReason(6) }]);
    assert_eq!(hall.closed(), [SessionId(1)]);
}

//
#[test]
fn a_renewal_in_time_keeps_the_member_and_the_new_key_counts() {
    let (mut hall, until) = ada_and_bob();
    hall.pass_alive(HOUR + 10 * SECOND, &[1, 2]);
    hall.hush();
    let later = until.saturating_add(HOUR);
    assert_eq!(hall.renew(1, Some(later)), Ok(Accepted::Done));
    hall.pass_alive(HOUR.saturating_sub(10 * SECOND), &[1, 2]);
    assert_eq!((hall.heard(1), hall.heard(2)), (vec![], vec![]));
    assert_eq!(hall.now, later);
    hall.pass(NANOSECOND);
    assert_eq!(hall.heard(1), [key_expired()]);
    // A key without end ends the waiting for good.
    assert_eq!(hall.renew(1, None), Ok(Accepted::Done));
    hall.pass_alive(2 * HOUR, &[1, 2]);
    assert_eq!(hall.heard(1), []);
}

//
#[test]
fn a_renewal_that_has_expired_already_is_refused_and_the_key_that_was_stays() {
    let (mut hall, _) = ada_and_bob();
    let past = Instant::from_nanos(hall.now.as_nanos() - 1);
    assert_eq!(hall.renew(1, Some(past)), Err(Code::KEY_EXPIRED));
    assert_eq!(hall.renew(9, None), Err(Code::NOT_IN_ROOM));
    hall.pass_alive(HOUR, &[1, 2]);
    assert_eq!(hall.heard(1), []);
    hall.pass(NANOSECOND);
    assert_eq!(hall.heard(1), [key_expired()]);
}

#[test]
fn without_grace_the_end_of_the_key_is_the_end_of_the_stay() {
    let mut hall = Hall::with(|config| config.key_grace = Duration::ZERO);
    let now = hall.now;
    assert!(hall.admit(1, admission("ada", Some(now.saturating_add(SECOND)))).is_ok());
    hall.hush();
    hall.pass(SECOND + NANOSECOND);
    assert_eq!(hall.heard(1), [key_expired(), ServerMessage::Removed { code: Code::KEY_EXPIRED }]);
    assert_eq!(hall.room.members().count(), 0);
}

//
#[test]
fn a_key_found_invalid_is_told_once_and_starts_the_grace() {
    let (mut hall, _) = ada_and_bob();
    hall.tell(Input::KeyInvalid { user: user("ada") });
    hall.tell(Input::KeyInvalid { user: user("ada") });
    hall.tell(Input::KeyInvalid { user: user("nobody") });
    assert_eq!(hall.heard(1), [ServerMessage::KeyRefused { code: Code::KEY_INVALID }]);
    hall.pass_alive(limits::KEY_GRACE, &[1, 2]);
    assert_eq!(hall.heard(1), [ServerMessage::Removed { code: Code::KEY_INVALID }]);
    assert_eq!(hall.heard(2), [ServerMessage::PeerLeft { user: user("ada"), reason: LeaveReason::KEY_EXPIRED }]);
}

//
#[test]
fn who_is_away_when_its_key_expires_hears_of_it_on_return() {
    let (mut hall, _) = ada_and_bob();
    let ada = hall.room.member_of(&user("ada")).expect("she is there").id;
    hall.pass_alive(HOUR.saturating_sub(SECOND), &[1, 2]);
    hall.disconnect(1);
    hall.pass_alive(2 * SECOND, &[2]);
    hall.hush();
    assert!(hall.ask(3, join("ada", Role::Joiner, Some(ada))).is_ok());
    assert_eq!(hall.heard(3), [key_expired()]);
    // To come back begins no new patience.
    hall.pass_alive(limits::KEY_GRACE.saturating_sub(SECOND), &[2, 3]);
    hall.pass(NANOSECOND);
    assert_eq!(hall.heard(3), [ServerMessage::Removed { code: Code::KEY_EXPIRED }]);
}

// R-043 R-045 R-047
#[test]
fn who_comes_back_in_its_grace_with_the_key_that_ended_has_the_rest_of_it() {
    let (mut hall, until) = ada_and_bob();
    let ada = hall.room.member_of(&user("ada")).expect("she is there").id;
    let back = || Admission { resumes: Some(ada), ..admission("ada", Some(until)) };
    hall.pass_alive(HOUR.saturating_sub(SECOND), &[1, 2]);
    hall.disconnect(1);
    hall.pass_alive(11 * SECOND, &[2]);
    hall.hush();
    // She is let in and told, and nobody else is.
    assert!(matches!(hall.admit(3, back()), Ok(Accepted::Joined { resumed: true, .. })));
    assert_eq!((hall.heard(3), hall.heard(2)), (vec![key_expired()], vec![]));
    assert_eq!(hall.admit(4, admission("ada", Some(until))), Err(Code::KEY_EXPIRED), "to enter anew it is no good");
    // Ten seconds of the grace are over. With the last of them it ends,
    hall.pass_alive(limits::KEY_GRACE.saturating_sub(10 * SECOND), &[2, 3]);
    hall.pass(NANOSECOND);
    assert_eq!(hall.heard(3), [ServerMessage::Removed { code: Code::KEY_EXPIRED }]);
    // and that is what the key is answered with from then on.
    assert_eq!(hall.admit(5, back()), Err(Code::KEY_EXPIRED));
}

//
#[test]
fn who_has_a_good_key_does_not_come_back_with_one_that_has_ended() {
    let (mut hall, until) = ada_and_bob();
    let ada = hall.room.member_of(&user("ada")).expect("she is there").id;
    assert_eq!(hall.renew(1, Some(until.saturating_add(HOUR))), Ok(Accepted::Done));
    hall.pass_alive(HOUR + SECOND, &[1, 2]);
    hall.disconnect(1);
    let old = Admission { resumes: Some(ada), ..admission("ada", Some(until)) };
    assert_eq!(hall.admit(3, old), Err(Code::KEY_EXPIRED));
}

//
#[test]
fn who_comes_back_with_a_newer_key_has_that_one() {
    let (mut hall, until) = ada_and_bob();
    let ada = hall.room.member_of(&user("ada")).expect("she is there").id;
    hall.pass_alive(HOUR.saturating_sub(SECOND), &[1, 2]);
    hall.disconnect(1);
    hall.pass_alive(2 * SECOND, &[2]);
    let newer = Admission { resumes: Some(ada), ..admission("ada", Some(until.saturating_add(HOUR))) };
    assert!(matches!(hall.admit(3, newer), Ok(Accepted::Joined { resumed: true, .. })));
    hall.hush();
    hall.pass_alive(HOUR.saturating_sub(SECOND), &[2, 3]);
    assert_eq!(hall.heard(3), []);
}

// Taking over

// R-064 R-065
#[test]
fn a_newcomer_whose_key_has_expired_displaces_nobody() {
    let (mut hall, _) = ada_and_bob();
    let past = Instant::from_nanos(hall.now.as_nanos() - 1);
    assert_eq!(hall.admit(3, admission("ada", Some(past))), Err(Code::KEY_EXPIRED));
    assert_eq!((hall.heard(1), hall.heard(2), hall.closed()), (vec![], vec![], vec![]));
}

//
#[test]
fn where_the_oldest_stays_a_second_session_is_refused_until_the_first_is_gone() {
    let mut hall = Hall::with(|config| config.duplicates = Duplicates::OldestStays);
    let ada = hall.join(1, "ada");
    assert_eq!(hall.admit(2, admission("ada", None)), Err(Code::USER_PRESENT));
    // A place that is kept is taken, and its owner may come back to it.
    hall.disconnect(1);
    assert_eq!(hall.admit(2, admission("ada", None)), Err(Code::USER_PRESENT));
    assert!(hall.ask(3, join("ada", Role::Joiner, Some(ada))).is_ok());
    assert_eq!(hall.ask(3, ClientMessage::Leave), Ok(Accepted::Done));
    assert!(hall.admit(2, admission("ada", None)).is_ok());
}

//
#[test]
fn two_sessions_displace_each_other_so_often_in_a_minute_and_no_more() {
    let mut hall = Hall::new();
    hall.join(0, "ada");
    let takeovers = u64::try_from(limits::TAKEOVERS_PER_MINUTE).expect("a few");
    for session in 1..=takeovers {
        hall.join(session, "ada");
        hall.pass(SECOND);
    }
    assert_eq!(hall.admit(90, admission("ada", None)), Err(Code::TOO_MANY_TAKEOVERS));
    // A minute after the first there is place for one, and for one only.
    hall.pass_alive(Duration::from_secs(60 - takeovers), &[takeovers]);
    hall.join(91, "ada");
    assert_eq!(hall.admit(92, admission("ada", None)), Err(Code::TOO_MANY_TAKEOVERS));
    // Where no connection is there, nobody is displaced.
    hall.disconnect(91);
    assert!(hall.admit(92, admission("ada", None)).is_ok());
    assert_eq!(hall.admit(93, admission("ada", None)), Err(Code::TOO_MANY_TAKEOVERS), "the count goes on");
}

#[test]
fn a_connection_in_the_room_is_admitted_no_second_time() {
    let (mut hall, _) = ada_and_bob();
    assert_eq!(hall.admit(1, admission("eve", None)), Err(Code::ALREADY_IN_ROOM));
}

//
#[test]
fn a_thousand_keys_that_expire_at_once_are_told_of_in_batches() {
    let mut hall = Hall::new();
    let until = hall.now.saturating_add(SECOND);
    for session in 0..1000_u32 {
        let input = Input::Admit {
            session: SessionId(u64::from(session)),
            request: RequestId(session),
            admission: admission(&format!("user-{session}"), Some(until)),
        };
        hall.tell(input);
    }
    hall.hush();
    hall.pass(SECOND + Duration::from_millis(20));
    assert_eq!((0..1000).filter(|session| hall.heard(*session) == [key_expired()]).count(), 1000);
    assert!(hall.most_outputs <= limits::ROOM_BATCH * 2, "{} outputs at a time", hall.most_outputs);
}
