//! What all histories are made of: spans of time, users, streams, rates, names.

use alloc::{format, vec::Vec};
use core::time::Duration;

use super::Choices;
use crate::{
    id::{LayerId, MemberId, Rid, StreamId, UserId, UserName},
    role::Role,
    stream::{BitsPerSecond, Layer, LayerSet, StreamInfo, StreamKind, StreamOffer, TemporalLayers},
    wire::MediaDescription,
};

/// The name of the room in all histories.
pub const ROOM: &str = "stage";
/// Longest history, so that a long string of bytes costs no more than it tells.
pub(super) const STEPS_MAX: usize = 300;
/// Users in a history. More than the rooms of tests hold, so that some are turned away.
const USERS: u8 = 6;

/// Time mostly stands still or moves a little, sometimes to just before or just at a timeout, and now and then it jumps.
pub(super) fn span(choices: &mut Choices<'_>) -> Duration {
    match choices.below(32) {
        0..=11 => Duration::ZERO,
        12..=15 => Duration::from_millis(1),
        16 | 17 => Duration::from_nanos(1),
        18..=20 => Duration::from_millis(100),
        21 | 22 => Duration::from_millis(300),
        23 | 24 => Duration::from_secs(1),
        25 | 26 => Duration::from_secs(2),
        27 => Duration::from_secs(6),
        28 => Duration::from_nanos(5_999_999_999),
        29 => Duration::from_secs(30),
        30 => Duration::from_secs(3600),
        _ if choices.one_in(8) => Duration::MAX,
        _ => Duration::from_secs(31),
    }
}

pub(super) fn stream_info(choices: &mut Choices<'_>) -> StreamInfo {
    StreamInfo { id: stream(choices), user: user(choices), offer: offer(choices), audio_muted: choices.flag(), video_muted: choices.flag() }
}

/// An offer as cameras and screens make them, or one in eight that cannot be.
pub(super) fn offer(choices: &mut Choices<'_>) -> StreamOffer {
    let kind = if choices.one_in(3) { StreamKind::Aux } else { StreamKind::Main };
    let (first, on_demand) = (usize::from(choices.one_in(4)), choices.one_in(3)); // names and places that an update may move
    let ladder = |rates: &[u64]| -> Vec<Layer> {
        let rung = |((at, height), bps): ((usize, u16), &u64)| Layer {
            rid: text(Rid::new(&format!("r{at}"))),
            width: None,
            height,
            max_bps: *bps,
            temporal_layers: TemporalLayers::default(),
        };
        (first..).zip([180, 360, 720, 720, 1080, 1080, 2160]).zip(rates).map(rung).collect()
    };
    let (audio_bps, rates): (Option<u64>, &[u64]) = match choices.below(8) {
        0 => (Some(32_000), &[]),
        1 => (None, &[500_000]),
        2..=5 => (Some(32_000), &[150_000, 500_000, 1_500_000]),
        6 => (Some(u64::MAX), &[1, u64::MAX]),
        _ => match choices.below(4) {
            0 => (None, &[]),
            1 => (None, &[500_000, 150_000]),
            2 => (Some(1), &[1, 2, 3, 4, 5, 6, 7]),
            _ => (Some(0), &[0]),
        },
    };
    StreamOffer { kind, audio_bps, layers: ladder(rates), on_demand }
}

pub(super) fn bps(choices: &mut Choices<'_>) -> u64 {
    match choices.below(8) {
        0 => 0,
        1 => 100_000,
        2 => 200_000,
        3 => 650_000,
        4 => 2_000_000,
        5 => 50_000_000,
        6 => u64::from(choices.bits()),
        _ => u64::MAX,
    }
}

pub(super) fn user(choices: &mut Choices<'_>) -> UserId {
    text(UserId::new(&format!("user-{}", choices.below(USERS))))
}

pub(super) fn member(choices: &mut Choices<'_>) -> MemberId {
    MemberId(u32::from(choices.below(8)) + 1)
}

pub(super) fn stream(choices: &mut Choices<'_>) -> StreamId {
    StreamId(u32::from(choices.below(6)) + 1)
}

pub(super) fn layer(choices: &mut Choices<'_>) -> LayerId {
    LayerId(match choices.below(8) {
        0 => u8::MAX,
        n => n % 3,
    })
}

pub(super) fn layers(choices: &mut Choices<'_>) -> LayerSet {
    match choices.below(6) {
        0 => LayerSet::of(&[layer(choices)]).unwrap_or_default(),
        1 => LayerSet::of(&[layer(choices), layer(choices)]).unwrap_or_default(),
        2 => LayerSet::of(&[LayerId(2)]).unwrap_or_default(),
        _ => LayerSet::HIGHEST,
    }
}

pub(super) fn min_height(choices: &mut Choices<'_>) -> Option<u16> {
    choices.one_in(3).then(|| [180, 360, 720, 1080][usize::from(choices.below(4))])
}

pub(super) fn name(choices: &mut Choices<'_>) -> Option<UserName> {
    choices.flag().then(|| text(UserName::new(if choices.flag() { "Ada L." } else { "A." })))
}

pub(super) fn role(choices: &mut Choices<'_>) -> Role {
    if choices.one_in(4) { Role::Player } else { Role::Joiner }
}

pub(super) fn maybe_flag(choices: &mut Choices<'_>) -> Option<bool> {
    choices.flag().then(|| choices.flag())
}

pub(super) fn description(choices: &mut Choices<'_>) -> MediaDescription {
    MediaDescription::new(&format!("ice {}", choices.below(4))).expect("it is short")
}

/// An identifier from a text written here.
pub(super) fn text<T, E: core::fmt::Debug>(made: Result<T, E>) -> T {
    made.expect("texts of histories are valid")
}

/// A bound on bandwidth, or none: rather low, so that it bounds something.
pub(super) fn max_bps(choices: &mut Choices<'_>) -> Option<BitsPerSecond> {
    choices.flag().then(|| u64::from(choices.byte()) * 20_000)
}
