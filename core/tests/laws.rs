//! The laws of the crate's manual, on histories made up by chance: for the room, the service and the session.

use core::time::Duration;

use greenroom_core::{
    id::RoomId,
    limits,
    room::{self, Duplicates, Room},
    service::{self, Service},
    session::{self, Session},
    time::Instant,
    trace::{ROOM, Step, laws, room_history, service_config, service_history, session_configs, session_history},
};
use proptest::prelude::*;

const START: Instant = Instant::from_secs(1);

/// A small room, so that it fills, with rules of every kind.
fn room_config() -> impl Strategy<Value = room::Config> {
    let grace = prop_oneof![Just(Duration::ZERO), Just(limits::KEY_GRACE), Just(Duration::from_millis(100))];
    (any::<[bool; 3]>(), grace).prop_map(|([hide_players, one_share, oldest_stays], key_grace)| {
        let mut config = room::Config::new(RoomId::new(ROOM).expect("a valid id"));
        config.members_max = 4;
        config.key_grace = key_grace;
        config.hide_players = hide_players;
        config.one_share = one_share;
        config.duplicates = if oldest_stays { Duplicates::OldestStays } else { Duplicates::NewestStays };
        config
    })
}

/// A session that gives up or keeps trying, looks up or does not.
fn a_session(config: &session::Config) -> Session {
    Session::new(START, config.clone())
}

fn a_service() -> Service {
    Service::new(START, service_config())
}

/// A room and what it is told.
fn room_steps() -> impl Strategy<Value = (Room, Vec<Step<room::Input>>)> {
    (room_config(), prop::collection::vec(any::<u8>(), 0..1500)).prop_map(|(config, bytes)| {
        let steps = room_history(&config, START, &bytes);
        (Room::new(START, config), steps)
    })
}

fn service_steps() -> impl Strategy<Value = Vec<Step<service::Input>>> {
    prop::collection::vec(any::<u8>(), 0..2500).prop_map(|bytes| service_history(&service_config(), START, &bytes))
}

fn session_steps() -> impl Strategy<Value = (session::Config, Vec<Step<session::Input>>)> {
    let bytes = prop::collection::vec(any::<u8>(), 0..800);
    (prop::sample::select(session_configs().to_vec()), bytes).prop_map(|(config, bytes)| {
        let steps = session_history(&config, START, &bytes);
        (config, steps)
    })
}

/// Tests of one law: on rooms, on services and on sessions.
macro_rules! law {
    ($law:ident, $room:ident, $service:ident, $session:ident) => {
        proptest! {
            #![proptest_config(ProptestConfig { failure_persistence: None, cases: ProptestConfig::default().cases * 4, ..ProptestConfig::default() })]

            #[test]
            fn $room((room, steps) in room_steps()) {
                laws::$law(&room, START, &steps);
            }

            #[test]
            fn $service(steps in service_steps()) {
                laws::$law(&a_service(), START, &steps);
            }

            #[test]
            fn $session((config, steps) in session_steps()) {
                laws::$law(&a_session(&config), START, &steps);
            }
        }
    };
}

//
law!(same_in_same_out, a_room_told_the_same_does_the_same, a_service_told_the_same_does_the_same, a_session_told_the_same_does_the_same);
law!(
    outputs_are_due_at_once,
    a_room_with_outputs_wants_to_be_called_at_once,
    a_service_with_outputs_wants_to_be_called_at_once,
    a_session_with_outputs_wants_to_be_called_at_once
);
law!(
    draining_changes_nothing,
    a_room_does_the_same_whenever_its_outputs_are_taken,
    a_service_does_the_same_whenever_its_outputs_are_taken,
    a_session_does_the_same_whenever_its_outputs_are_taken
);
//
law!(
    no_busy_loop,
    a_room_that_kept_a_deadline_has_a_later_one,
    a_service_that_kept_a_deadline_has_a_later_one,
    a_session_that_kept_a_deadline_has_a_later_one
);
law!(
    time_never_runs_backwards,
    a_room_refuses_the_past_and_forgets_it,
    a_service_refuses_the_past_and_forgets_it,
    a_session_refuses_the_past_and_forgets_it
);
law!(
    timers_fire_before_the_input,
    a_room_fires_timers_before_the_input,
    a_service_fires_timers_before_the_input,
    a_session_fires_timers_before_the_input
);
law!(outputs_are_bounded, a_room_makes_few_outputs_at_a_time, a_service_makes_few_outputs_at_a_time, a_session_makes_few_outputs_at_a_time);
