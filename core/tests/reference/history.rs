//! Histories as lists of steps that read aloud, and how to make them from bytes.

use core::time::Duration;

use greenroom_core::{limits, role::Role, trace::Choices};

/// Connections that are in use at a time. Each may have one before it, on which things come late.
pub const SLOTS: u8 = 5;
pub const APPS: [&str; 2] = ["left", "right"];
pub const ROOMS: [&str; 2] = ["stage", "cellar"];
pub const USERS: [&str; 3] = ["ada", "bob", "eve"];
pub const NAMES: [Option<&str>; 3] = [None, Some("A."), Some("Countess")];

/// Before each step passes a moment, so that nobody is too fast to be heard: shares have tests of their own.
pub const MOMENT: Duration = limits::COMMAND_INTERVAL;

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A slot gets a new connection. The one before stays open until it is said to have ended, or is forgotten with the next.
    Open { slot: u8 },
    /// Something arrives, on the slot's connection or on the one before it.
    Say { slot: u8, late: bool, what: Say },
    /// A connection ends.
    End { slot: u8, late: bool },
    /// The application's server sends a user away.
    Remove { app: u8, room: u8, user: u8 },
    /// The application's server closes a room.
    Dissolve { app: u8, room: u8 },
    /// Nothing may be published, or may be again.
    Pause { app: u8, room: u8, paused: bool },
    /// A packet of somebody's sound comes, and it is loud.
    Speak { app: u8, room: u8, user: u8 },
    /// Time passes.
    Pass { ms: u32 },
}

/// What a client says. Streams are the nth of those in its room, from the oldest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Say {
    Join {
        app: u8,
        room: u8,
        user: u8,
        role: Role,
        name: u8,
        /// Whether it hears the loudest.
        listens: bool,
    },
    /// Goes on with the stay that the slot was told of last.
    ComeBack,
    Leave,
    Publish {
        aux: bool,
    },
    Unpublish {
        nth: u8,
    },
    Subscribe {
        nth: u8,
        audio: bool,
        video: bool,
    },
    Unsubscribe {
        nth: u8,
        audio: bool,
        video: bool,
    },
    Mute {
        nth: u8,
        audio: Option<bool>,
        video: Option<bool>,
    },
    SwitchRole {
        role: Role,
    },
    Rename {
        name: u8,
    },
    Ping,
}

/// Steps from bytes, for fuzzing. Small bytes make what happens most.
pub fn history(bytes: &[u8]) -> Vec<Step> {
    let mut choices = Choices::new(bytes);
    let mut steps = Vec::new();
    while !choices.is_over() && steps.len() < 200 {
        steps.push(step(&mut choices));
    }
    steps
}

fn step(choices: &mut Choices<'_>) -> Step {
    let kind = choices.below(32);
    let (slot, late) = (choices.below(SLOTS), choices.one_in(5));
    match kind {
        0 => Step::Open { slot },
        1 | 2 => Step::End { slot, late: choices.flag() },
        3 => Step::Remove { app: choices.below(2), room: choices.below(2), user: choices.below(3) },
        4 if choices.one_in(4) => Step::Dissolve { app: choices.below(2), room: choices.below(2) },
        4 => Step::Pause { app: choices.below(2), room: choices.below(2), paused: choices.one_in(3) },
        7 | 8 => Step::Speak { app: 0, room: u8::from(choices.one_in(4)), user: choices.below(3) },
        5 | 6 => Step::Pass { ms: [1, 900, 2_000, 5_900, 6_100, 25_000, 31_000, 70_000][usize::from(choices.below(8))] },
        _ => Step::Say { slot, late, what: say(choices) },
    }
}

fn say(choices: &mut Choices<'_>) -> Say {
    match choices.below(24) {
        0..=7 => {
            // Mostly one app and one room, so that people meet.
            let (app, room) = (u8::from(choices.one_in(6)), u8::from(choices.one_in(4)));
            Say::Join { app, room, user: choices.below(3), role: role(choices), name: choices.below(3), listens: choices.flag() }
        }
        8 | 9 => Say::ComeBack,
        10 => Say::Leave,
        11..=13 => Say::Publish { aux: choices.flag() },
        14 => Say::Unpublish { nth: choices.below(4) },
        15..=17 => Say::Subscribe { nth: choices.below(4), audio: choices.flag(), video: choices.flag() },
        18 => Say::Unsubscribe { nth: choices.below(4), audio: choices.flag(), video: choices.flag() },
        19 => Say::Mute { nth: choices.below(4), audio: maybe(choices), video: maybe(choices) },
        20 => Say::SwitchRole { role: role(choices) },
        21 => Say::Rename { name: choices.below(3) },
        _ => Say::Ping,
    }
}

fn role(choices: &mut Choices<'_>) -> Role {
    if choices.one_in(3) { Role::Player } else { Role::Joiner }
}

fn maybe(choices: &mut Choices<'_>) -> Option<bool> {
    choices.flag().then(|| choices.flag())
}
