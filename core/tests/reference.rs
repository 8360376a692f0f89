//! The service next to a model of it that is plain enough to be right (`reference/model.rs`): histories made up by chance, compared after every step.
//!
//! A history on which they part is shrunk and printed as a list of steps.

#![allow(unreachable_pub, reason = "the fuzz targets use the parts, too")]

#[path = "reference/history.rs"]
mod history;
#[path = "common/host.rs"]
mod host;
#[path = "reference/model.rs"]
mod model;
#[path = "reference/run.rs"]
mod run;

use std::collections::BTreeSet;

use greenroom_core::{code::Code, role::Role};
use history::{SLOTS, Say, Step};
use host::Planted;
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestError, TestRunner},
};

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![2 => Just(Role::Joiner), 1 => Just(Role::Player)]
}

fn says() -> impl Strategy<Value = Say> {
    // Mostly one app and one room, so that people meet.
    let join =
        (prop_oneof![5 => Just(0_u8), 1 => Just(1)], prop_oneof![3 => Just(0_u8), 1 => Just(1)], 0..3_u8, role(), 0..3_u8, any::<bool>());
    prop_oneof![
        10 => join.prop_map(|(app, room, user, role, name, listens)| Say::Join { app, room, user, role, name, listens }),
        2 => Just(Say::ComeBack),
        1 => Just(Say::Leave),
        3 => any::<bool>().prop_map(|aux| Say::Publish { aux }),
        1 => (0..4_u8).prop_map(|nth| Say::Unpublish { nth }),
        3 => (0..4_u8, any::<bool>(), any::<bool>()).prop_map(|(nth, audio, video)| Say::Subscribe { nth, audio, video }),
        1 => (0..4_u8, any::<bool>(), any::<bool>()).prop_map(|(nth, audio, video)| Say::Unsubscribe { nth, audio, video }),
        1 => (0..4_u8, any::<Option<bool>>(), any::<Option<bool>>()).prop_map(|(nth, audio, video)| Say::Mute { nth, audio, video }),
        1 => role().prop_map(|role| Say::SwitchRole { role }),
        1 => (0..3_u8).prop_map(|name| Say::Rename { name }),
        1 => Just(Say::Ping),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let late = prop_oneof![4 => Just(false), 1 => Just(true)];
    let step = prop_oneof![
        1 => (0..SLOTS).prop_map(|slot| Step::Open { slot }),
        2 => (0..SLOTS, any::<bool>()).prop_map(|(slot, late)| Step::End { slot, late }),
        1 => (0..2_u8, 0..2_u8, 0..3_u8).prop_map(|(app, room, user)| Step::Remove { app, room, user }),
        1 => (0..2_u8, 0..2_u8, 0..4_u8).prop_map(|(app, room, what)| match what {
            0 => Step::Dissolve { app, room },
            what => Step::Pause { app, room, paused: what == 1 },
        }),
        4 => (prop_oneof![3 => Just(0_u8), 1 => Just(1)], 0..3_u8).prop_map(|(room, user)| Step::Speak { app: 0, room, user }),
        2 => prop::sample::select(vec![1_u32, 900, 900, 2_000, 2_000, 5_900, 6_100, 25_000, 31_000, 70_000]).prop_map(|ms| Step::Pass { ms }),
        20 => (0..SLOTS, late, says()).prop_map(|(slot, late, what)| Step::Say { slot, late, what }),
    ];
    prop::collection::vec(step, 0..120)
}

fn config() -> Config {
    Config { failure_persistence: None, cases: Config::default().cases * 4, ..Config::default() }
}

/// Plays histories; the first on which service and model part, as short as it gets.
fn first_difference<H: host::Host>(host: impl Fn() -> H) -> Option<String> {
    match TestRunner::new(config()).run(&steps(), |steps| run::play(host(), &steps).map(drop).map_err(TestCaseError::fail)) {
        Ok(()) => None,
        Err(TestError::Fail(why, _)) => Some(why.message().to_string()),
        Err(TestError::Abort(why)) => panic!("no histories could be made: {why}"),
    }
}

// R-004 R-005 R-021 R-023 R-059 R-061 R-062 R-064 R-066 R-067 R-070 R-075 R-078 R-079 R-083 R-088 R-089 R-098 R-101 R-103 R-135 R-137 R-141 R-146 R-151 R-154
#[test]
fn a_service_does_what_a_plain_model_of_it_does() {
    if let Some(why) = first_difference(run::service) {
        panic!("{why}");
    }
}

#[test]
fn a_late_leave_that_removes_the_successor_is_found() {
    let why = first_difference(|| Planted::new(run::service())).expect("a fault was planted");
    println!("{why}");
    assert!(why.lines().count() < 40, "it was shrunk:\n{why}");
}

/// A generator that reaches nothing tests nothing.
#[test]
fn histories_reach_crowds_and_every_refusal() {
    let mut runner = TestRunner::deterministic();
    let (mut granted, mut stays, mut heard, mut refused) = (0, 0, 0, BTreeSet::new());
    for _ in 0..2000 {
        let steps = steps().new_tree(&mut runner).expect("a history can always be made").current();
        let met = run::play(run::service(), &steps).expect("another test says how they part");
        granted += met.granted;
        stays = stays.max(met.stays);
        heard = heard.max(met.heard);
        refused.extend(met.refused);
    }
    let expected = [
        Code::BAD_REQUEST,
        Code::NOT_IN_ROOM,
        Code::ALREADY_IN_ROOM,
        Code::SESSION_GONE,
        Code::JOINER_ELSEWHERE,
        Code::ROLE_FORBIDS,
        Code::ALREADY_PUBLISHED,
        Code::ROOM_PAUSED,
        Code::NO_SUCH_STREAM,
        Code::OWN_STREAM,
        Code::NOT_SUBSCRIBED,
    ];
    let missing: Vec<_> = expected.iter().filter(|code| !refused.contains(code)).collect();
    println!("{granted} requests granted, {stays} stays at a time at most, {heard} heard at a time, refused with {refused:?}");
    assert!(missing.is_empty() && granted > 10_000 && stays >= 5 && heard >= 2, "never met: {missing:?}");
}

#[test]
fn histories_from_bytes_are_histories() {
    let bytes: Vec<u8> = (0..600_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let steps = history::history(&bytes);
    assert!(steps.len() > 50 && steps.iter().any(|step| matches!(step, Step::Say { what: Say::Join { .. }, .. })));
    run::play(run::service(), &steps).expect("service and model agree");
}
