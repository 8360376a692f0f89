//! What a session tells of its own connection: levels that change, and nothing else.

#[path = "common/desk.rs"]
mod desk;

use core::time::Duration;

use desk::{Desk, join_call, joined, persistent, sound, stream, user};
use greenroom_core::{
    code::Code,
    quality::{Level, Reading, Reason, Rules, Share, Thresholds, Window},
    role::Role,
    session::{Call, Config, Event, Input},
    stream::StreamKind,
    wire::{LeaveReason, ServerMessage},
};

fn clean() -> Reading {
    Reading::Measured(Window::CLEAN)
}

fn lossy(percent: u8) -> Reading {
    Reading::Measured(Window { loss: Share::percent(percent), ..Window::CLEAN })
}

/// Two seconds pass, in which the server is heard, and a window of them is told. Answers with the levels that were told of, up and down.
fn window(desk: &mut Desk, up: Reading, down: Reading) -> Vec<(Level, Level)> {
    desk.pass(Duration::from_secs(2));
    desk.receive(ServerMessage::Pong);
    desk.tell(Input::Window { up, down });
    told(desk)
}

fn told(desk: &mut Desk) -> Vec<(Level, Level)> {
    let levels = desk.events().into_iter().filter_map(|event| match event {
        Event::NetworkQuality { up, down } => Some((up.level, down.level)),
        _ => None,
    });
    levels.collect()
}

//
#[test]
fn a_level_is_told_when_it_changes_and_not_by_the_clock() {
    let mut desk = Desk::joined(&[], vec![]);
    assert_eq!(told(&mut desk), [], "entering tells nothing: nothing is known");
    assert_eq!(window(&mut desk, clean(), clean()), [(Level::Excellent, Level::Excellent)]);
    for _ in 0..50 {
        assert_eq!(window(&mut desk, clean(), clean()), []);
    }
    assert_eq!(window(&mut desk, clean(), lossy(20)), [(Level::Excellent, Level::Poor)], "downlink faults are the downlink's");
    assert_eq!(window(&mut desk, lossy(20), clean()), [(Level::Poor, Level::Poor)], "one event for both, and no better level so soon");
}

//
#[test]
fn nothing_is_known_before_it_was_measured() {
    let mut desk = Desk::joined(&[], vec![]);
    for _ in 0..5 {
        assert_eq!(window(&mut desk, Reading::Unmeasured, Reading::Unmeasured), []);
    }
    let now = desk.session.quality().expect("it is in a room");
    assert_eq!((now.up.level, now.down.level, now.up.reason), (Level::Unknown, Level::Unknown, Reason::Unmeasured));
    assert_eq!(window(&mut desk, clean(), Reading::Unmeasured), [(Level::Excellent, Level::Unknown)]);
}

//
#[test]
fn without_a_connection_both_are_as_bad_as_can_be_at_once() {
    let mut desk = Desk::joined(&[], vec![]);
    window(&mut desk, clean(), clean());
    desk.close();
    assert_eq!(told(&mut desk), [(Level::Disconnected, Level::Disconnected)]);
    desk.tell(Input::Window { up: clean(), down: clean() });
    assert_eq!(told(&mut desk), [], "whatever the media plane has measured");
    desk.open();
    desk.grant(joined(&[], vec![], true));
    assert_eq!(told(&mut desk), [(Level::Unknown, Level::Unknown)], "what was measured before does not count any more");
    assert_eq!(window(&mut desk, clean(), lossy(6)), [(Level::Excellent, Level::Fair)]);
}

//
#[test]
fn a_media_transport_that_is_away_is_a_direction_that_is_away() {
    let mut desk = Desk::joined(&[], vec![]);
    assert_eq!(window(&mut desk, Reading::Disconnected, clean()), [(Level::Disconnected, Level::Excellent)]);
    assert_eq!(window(&mut desk, clean(), clean()), [(Level::Excellent, Level::Excellent)]);
}

//
#[test]
fn outside_of_a_room_nothing_is_told() {
    let mut desk = Desk::new();
    desk.tell(Input::Window { up: lossy(50), down: lossy(50) });
    assert_eq!((told(&mut desk), desk.session.quality()), (vec![], None));
    desk.call(join_call("ada", Role::Joiner));
    desk.tell(Input::Window { up: lossy(50), down: lossy(50) });
    desk.open();
    desk.grant(joined(&[], vec![], false));
    assert_eq!(told(&mut desk), []);
    window(&mut desk, lossy(50), clean());
    desk.call(Call::Leave);
    desk.tell(Input::Window { up: clean(), down: lossy(50) });
    desk.grant(greenroom_core::wire::Accepted::Done);
    assert_eq!(told(&mut desk), [], "who leaves does not care");
    // And the next stay begins anew.
    desk.call(join_call("ada", Role::Joiner));
    desk.open();
    desk.grant(joined(&[], vec![], false));
    assert_eq!(desk.session.quality().map(|now| now.up.level), Some(Level::Unknown));
}

//
#[test]
fn a_stay_that_ends_by_itself_ends_its_level_too() {
    let mut desk = Desk::joined(&[], vec![]);
    window(&mut desk, clean(), clean());
    desk.receive(ServerMessage::Removed { code: Code::REMOVED });
    assert_eq!((told(&mut desk), desk.session.quality()), (vec![], None));
}

//
#[test]
fn a_stay_that_began_anew_is_measured_anew() {
    let mut desk = Desk::joined_with(persistent(), &[], vec![]);
    window(&mut desk, clean(), clean());
    desk.close();
    desk.hush();
    desk.open();
    desk.refuse(Code::SESSION_GONE);
    desk.grant(joined(&[], vec![], false));
    assert_eq!(told(&mut desk), [(Level::Unknown, Level::Unknown)]);
}

//
#[test]
fn how_long_a_level_is_held_can_be_set() {
    let levels = |hold_windows| {
        let quality = Rules::new(Thresholds { hold_windows, rise_pct: 100, ..Thresholds::default() }).expect("it makes sense");
        let mut config = Config::default();
        config.quality = quality;
        let mut desk = Desk::joined_with(config, &[], vec![]);
        window(&mut desk, lossy(50), clean());
        (1..9).find(|_| !window(&mut desk, clean(), clean()).is_empty())
    };
    assert_eq!([1, 2, 3, 4].map(levels), [Some(1), Some(2), Some(3), Some(4)]);
}

//
#[test]
fn no_message_of_the_server_or_of_others_changes_a_level() {
    let mut desk = Desk::joined(&["bob"], vec![stream(1, "bob")]);
    window(&mut desk, lossy(6), clean());
    let before = desk.session.quality();
    let messages = [
        ServerMessage::PeerJoined { user: user("cem"), name: None },
        ServerMessage::PeerLeft { user: user("bob"), reason: LeaveReason(6) },
        ServerMessage::StreamAdded { stream: stream(2, "cem") },
        ServerMessage::StreamMuted { stream: stream(2, "cem").id, user: user("cem"), audio: true, video: true },
        ServerMessage::VideoNeeded { stream: stream(2, "cem").id, needed: true, up_to: None },
        ServerMessage::KeyRefused { code: Code::KEY_EXPIRED },
        ServerMessage::Unknown,
        ServerMessage::Pong,
    ];
    for message in messages {
        desk.receive(message);
        assert_eq!((told(&mut desk), desk.session.quality()), (vec![], before));
    }
    desk.call(Call::Publish { offer: sound(StreamKind::Main) });
    desk.refuse(Code::NO_SUCH_STREAM);
    assert_eq!(desk.session.quality(), before);
}
