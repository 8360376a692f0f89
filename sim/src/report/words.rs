//! What happened, in words: a short label for a mark, a sentence for a table.

use greenroom_core::{
    id::Rid,
    quality::{Reason, Verdict},
};

use super::units::{Percentage, Rate, Span};
use crate::record::{Direction, What};

/// What sort of event it is, for filtering. The groups are those of [`What`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Room,
    Connection,
    Decision,
    Network,
}

impl Group {
    pub(super) const ALL: [Self; 4] = [Self::Room, Self::Connection, Self::Decision, Self::Network];

    pub(super) fn of(what: &What) -> Self {
        match what {
            What::Joined { .. }
            | What::PeerJoined { .. }
            | What::PeerLeft { .. }
            | What::StreamAdded { .. }
            | What::StreamRemoved { .. }
            | What::StreamMuted { .. }
            | What::Published { .. }
            | What::Unpublished { .. }
            | What::Subscribed { .. }
            | What::Unsubscribed { .. }
            | What::RoleChanged { .. }
            | What::Failed { .. }
            | What::Left
            | What::Removed { .. } => Self::Room,
            What::JoinCalled
            | What::SubscribeCalled { .. }
            | What::Interrupted { .. }
            | What::Restored { .. }
            | What::MediaConnected { .. }
            | What::FirstFrame { .. }
            | What::Freeze { .. }
            | What::NetworkQuality { .. }
            | What::Volumes { .. } => Self::Connection,
            What::Layer { .. }
            | What::Switched { .. }
            | What::KeyFrameRequested { .. }
            | What::KeyFrameAsked { .. }
            | What::Loudest { .. } => Self::Decision,
            What::Capacity { .. } | What::OutageBegan | What::OutageEnded | What::FaultBegan { .. } | What::FaultEnded { .. } => {
                Self::Network
            }
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Room => "room",
            Self::Connection => "connection",
            Self::Decision => "decision",
            Self::Network => "network",
        }
    }
}

/// Names with commas between them.
fn listed(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// The name of a layer, or `none`.
pub(super) fn layer_name(rid: Option<&Rid>) -> &str {
    rid.map_or("none", Rid::as_str)
}

/// What is muted of a stream.
pub(super) fn muted(audio: bool, video: bool) -> &'static str {
    match (audio, video) {
        (true, true) => "audio and video muted",
        (true, false) => "audio muted",
        (false, true) => "video muted",
        (false, false) => "unmuted",
    }
}

/// The event in a few words, for a mark that stands in its user's own timeline; none for what is shown there in another way or would only clutter it.
pub(super) fn label(what: &What) -> Option<String> {
    Some(match what {
        What::Joined { role } => format!("joined as {}", role.name()),
        What::RoleChanged { role } => format!("now {}", role.name()),
        What::Left => "left".into(),
        What::Removed { .. } => "removed".into(),
        What::Failed { call, .. } => format!("{call} failed"),
        What::Published { stream } => format!("publishes {}", stream.kind.name()),
        What::Unpublished { stream } => format!("unpublishes {}", stream.kind.name()),
        What::Subscribed { stream } => format!("watches {stream}"),
        What::Unsubscribed { stream } => format!("drops {stream}"),
        What::StreamMuted { stream, audio, video } => format!("{stream} {}", muted(*audio, *video)),
        What::Interrupted { .. } => "interrupted".into(),
        What::Restored { .. } => "restored".into(),
        What::MediaConnected { .. } => "media connected".into(),
        What::FaultBegan { fault, host, .. } => format!("{fault} of {host}"),
        What::FaultEnded { fault, host } => format!("{fault} of {host} over"),
        What::OutageBegan => "outage".into(),
        What::OutageEnded => "outage over".into(),
        What::JoinCalled
        | What::SubscribeCalled { .. }
        | What::PeerJoined { .. }
        | What::PeerLeft { .. }
        | What::StreamAdded { .. }
        | What::StreamRemoved { .. }
        | What::FirstFrame { .. }
        | What::Freeze { .. }
        | What::NetworkQuality { .. }
        | What::Layer { .. }
        | What::Switched { .. }
        | What::KeyFrameRequested { .. }
        | What::KeyFrameAsked { .. }
        | What::Loudest { .. }
        | What::Volumes { .. }
        | What::Capacity { .. } => return None,
    })
}

/// The event as a sentence without its time and its user.
pub(super) fn sentence(what: &What) -> String {
    match what {
        What::Joined { role } => format!("joined as {}", role.name()),
        What::PeerJoined { peer } => format!("saw {peer} join"),
        What::PeerLeft { peer, reason } => format!("saw {peer} leave (reason {reason})"),
        What::StreamAdded { stream } => format!("learned of stream {stream}"),
        What::StreamRemoved { stream } => format!("learned that stream {stream} ended"),
        What::StreamMuted { stream, audio, video } => format!("stream {stream}: {}", muted(*audio, *video)),
        What::Published { stream } => format!("publishes {stream}"),
        What::Unpublished { stream } => format!("no longer publishes {stream}"),
        What::Subscribed { stream } => format!("subscribed to {stream}"),
        What::Unsubscribed { stream } => format!("unsubscribed from {stream}"),
        What::RoleChanged { role } => format!("became {}", role.name()),
        What::Failed { call, code } => format!("{call} failed: {}", code_in_words(*code)),
        What::Left => "left the room".into(),
        What::Removed { code } => format!("was removed: {}", code_in_words(*code)),
        What::JoinCalled => "asked to join".into(),
        What::SubscribeCalled { stream } => format!("asked for {stream}"),
        What::Interrupted { code } => format!("signalling lost: {}", code_in_words(*code)),
        What::Restored { after_ms } => format!("signalling restored after {}", Span(*after_ms)),
        What::MediaConnected { after_ms } => format!("media connected {} after asking to join", Span(*after_ms)),
        What::FirstFrame { stream, after_ms } => format!("first picture of {stream}, {} after subscribing", Span(*after_ms)),
        What::Freeze { stream, duration_ms } => format!("{stream} stood still for {} until here", Span(*duration_ms)),
        What::NetworkQuality { up, down } => format!("network up {}, down {}", quality(*up), quality(*down)),
        What::Layer { stream, from, to, reason, estimate_bps, allocated_bps } => {
            let (from, to) = (layer_name(from.as_ref()), layer_name(to.as_ref()));
            let estimate = estimate_bps.map_or_else(|| "no estimate yet".into(), |bps| format!("estimate {}", Rate(bps)));
            format!("{stream} {from} → {to}: {reason} ({estimate}, allocated {})", Rate(*allocated_bps))
        }
        What::Switched { stream, from, to, waited_ms } => {
            format!("{stream} switched {} → {to}, {} after the decision", layer_name(from.as_ref()), Span(*waited_ms))
        }
        What::KeyFrameRequested { stream, layer, reason } => format!("key frame of {stream}, layer {layer}, requested: {reason}"),
        What::KeyFrameAsked { stream, layer } => format!("was asked for a key frame of {stream}, layer {layer}"),
        What::Loudest { speakers } if speakers.is_empty() => "nobody is heard among the loudest".into(),
        What::Loudest { speakers } => format!("the loudest are {}", listed(speakers.iter().map(ToString::to_string))),
        What::Volumes { voices } if voices.is_empty() => "hears nobody".into(),
        What::Volumes { voices } => {
            format!("is told how loud: {}", listed(voices.iter().map(|voice| format!("{} {}", voice.user, voice.volume.get()))))
        }
        What::Capacity { direction, rate_bps } => {
            let way = match direction {
                Direction::Up => "uplink",
                Direction::Down => "downlink",
            };
            match rate_bps {
                Some(bps) => format!("{way} capacity is {}", Rate(*bps)),
                None => format!("{way} capacity is not limited"),
            }
        }
        What::OutageBegan => "link carries nothing from here on".into(),
        What::OutageEnded => "link carries again".into(),
        What::FaultBegan { fault, host, direction, struck } => {
            let way = direction.map(|way| format!(" ({way})")).unwrap_or_default();
            format!("the scenario's {fault} befalls {host}{way}; it struck {struck} times")
        }
        What::FaultEnded { fault, host } => format!("the {fault} of {host} is over"),
    }
}

/// A level with its reason: `4 poor (20 % of the packets lost)`.
pub(super) fn quality(verdict: Verdict) -> String {
    match because(verdict.reason) {
        Some(reason) => format!("{} ({reason})", verdict.level),
        None => verdict.level.to_string(),
    }
}

/// A level that lasted, with the reason of the window that brought it about: `4 poor (at first 20 % of the packets lost)`.
pub(super) fn lasting_quality(verdict: Verdict) -> String {
    match because(verdict.reason) {
        Some(reason) => format!("{} (at first {reason})", verdict.level),
        None => verdict.level.to_string(),
    }
}

/// What decided a level, with its value; none where the level says it all.
pub(super) fn because(reason: Reason) -> Option<String> {
    let ms = |us: u32| format!("{}\u{a0}ms", (u64::from(us) + 500) / 1000);
    Some(match reason {
        Reason::Clear | Reason::Unmeasured | Reason::Disconnected => return None,
        Reason::Loss(share) => format!("{} of the packets lost", Percentage(share)),
        Reason::Delay { rtt_us } => format!("round trip {}", ms(rtt_us)),
        Reason::Jitter { jitter_us } => format!("jitter {}", ms(jitter_us)),
        Reason::Rate(share) => format!("{} of the wanted rate", Percentage(share)),
        Reason::Freeze(share) => format!("picture frozen {} of the time", Percentage(share)),
    })
}

fn code_in_words(code: greenroom_core::code::Code) -> String {
    match code.text() {
        Some(text) => format!("{text} ({code})"),
        None => code.to_string(),
    }
}
