//! What the session says, in Agora's words.

use alloc::vec::Vec;
use core::{mem, time::Duration};

use serde_json::{Value, json};

use super::{
    Client, Effect, Local, Pending, codes,
    stream::{LocalStream, Publication},
};
use crate::{
    code::{
        Code,
        agora::{error, reason},
        vendor::VendorCode,
    },
    dialect::quality,
    id::{StreamId, UserId},
    session::{Answer, Call, CallId, Event},
    stream::{Layer, StreamInfo, StreamKind},
};

/// The shortest time that a service could leave between refusing a key and acting on it. Keys end at whole seconds; what comes sooner is one and the same news.
const KEY_GRACE_MIN: Duration = Duration::from_secs(1);

/// A stream of somebody else, as it was told last.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Remote {
    pub(super) info: StreamInfo,
    /// Whether the user receives it.
    pub(super) subscribed: bool,
}

impl Client {
    /// Hears an event of the session. Returns what it leads to.
    pub(super) fn hear(&mut self, event: Event) -> Option<Call> {
        match event {
            Event::Answered { id, result } => return self.answered(id, result),
            Event::Interrupted { .. } => self.link_failed(reason::CONNECTION_INTERRUPTED),
            Event::StillAway => self.link_failed(reason::CONNECTION_LOST),
            Event::Restored { after } => {
                let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                self.notice("restored", json!({ "afterMs": after_ms }));
            }
            Event::Trouble { code } => self.event("warning", json!({ "code": codes::value_of(codes::warning_of(code)) })),
            //
            Event::KeyRefused { code } => {
                self.key_refused = Some((code, self.now));
                self.fault(codes::error_of(code));
            }
            Event::Removed { code } => {
                // Where nobody may stay on without a key, the service says both at once: that is one fault, and told as one.
                let told = self.key_refused.is_some_and(|(told, at)| told == code && self.now.saturating_since(at) < KEY_GRACE_MIN);
                self.forget_channel();
                if !told {
                    self.fault(codes::error_of(code));
                }
                self.notice("removed", json!({ "reason": code.text() }));
            }
            Event::PeerJoined { user, .. } => self.notice("peer-join", json!({ "uid": uid(&user) })),
            Event::PeerLeft { user, .. } => self.event("peer-leave", json!({ "uid": uid(&user) })),
            Event::StreamAdded { stream } => self.stream_added(stream),
            Event::StreamUpdated { stream } => {
                let data = json!({ "stream": rendered(&stream) });
                self.stream_changed(stream);
                self.notice("stream-updated", data);
            }
            Event::StreamMuted { stream } => self.stream_changed(stream),
            Event::StreamRemoved { stream } => {
                self.remotes.remove(&stream.id);
                self.notice("stream-removed", json!({ "stream": rendered(&stream) }));
            }
            // After a long absence, what stood before was asked for again; what could not be had is told to whoever hears of faults.
            Event::Republished { before, now } => {
                let publication = now.map_or(Publication::None, |stream| Publication::Published { stream });
                for local in self.locals.values_mut().filter(|local| local.published() == Some(before)) {
                    local.publication = publication;
                }
                if let Err(code) = now {
                    self.fault(codes::error_of(code));
                }
            }
            Event::Unsubscribed { stream, code } => {
                if let Some(remote) = self.remotes.get_mut(&stream) {
                    remote.subscribed = false;
                }
                self.fault(codes::error_of(code));
            }
            // Agora prints no interface for it.
            Event::NetworkQuality { up, down } => self.notice("network-quality", quality::reasons(up, down)),
            // Agora has no words for states, for names, for video that waits until it is wanted, or for who is loudest; its clients ask for no watch, and media transports are the embedder's.
            Event::StateChanged { .. }
            | Event::PeerRenamed { .. }
            | Event::VideoNeeded { .. }
            | Event::StreamsInterrupted { .. }
            | Event::StreamsRecovered { .. }
            | Event::Volumes { .. }
            | Event::Media { .. } => {}
        }
        None
    }

    /// Tells a fault that no call asked for.
    pub(super) fn fault(&mut self, code: VendorCode<'static>) {
        self.event("init.onFailure", json!({ "err": codes::value_of(code) }));
    }

    /// The link is away. The event of its own tells it, and nothing else does: `init.onFailure` prints no such fault.
    fn link_failed(&mut self, reason: VendorCode<'static>) {
        self.event("error", json!({ "msg": { "reason": codes::value_of(reason) } }));
    }

    fn answered(&mut self, id: CallId, result: Result<Answer, Code>) -> Option<Call> {
        let Pending { call, on, effect } = self.pending.remove(&id)?;
        let answer = match result {
            Ok(answer) => answer,
            Err(code) => {
                let told = match (&effect, code) {
                    (Effect::Leave, Code::NOT_IN_ROOM) => error::LEAVE_CHANNEL_REJECTED,
                    _ => codes::error_of(code),
                };
                if let Effect::Publish { local } = &effect
                    && let Some(stream) = self.same(local)
                {
                    stream.publication = Publication::None;
                }
                self.answer(call, on, Err(told));
                return None;
            }
        };
        let mut value = Value::Null;
        let mut chore = None;
        let mut subscribed = None;
        match (effect, answer) {
            (Effect::Join, Answer::Joined { user, .. }) => {
                value = uid(&user);
                self.user = Some(user);
            }
            (Effect::Leave, _) => self.forget_channel(),
            (Effect::Publish { local }, Answer::Published { stream }) => chore = self.published(&local, stream),
            (Effect::Unpublish { local }, _) => {
                if let Some(stream) = self.same(&local) {
                    stream.publication = Publication::None;
                }
            }
            (Effect::Subscribe { stream }, _) => {
                if let Some(remote) = self.remotes.get_mut(&stream) {
                    remote.subscribed = true;
                    subscribed = Some(rendered(&remote.info));
                }
            }
            (Effect::Unsubscribe { stream }, _) => {
                if let Some(remote) = self.remotes.get_mut(&stream) {
                    remote.subscribed = false;
                }
            }
            (Effect::Mute { local, track, off }, _) => {
                if let Some(stream) = self.same(&local) {
                    stream.set_off(track, off);
                }
            }
            (Effect::Renew, _) => self.key_refused = None,
            // The session answers each call with its own answer.
            (Effect::Join | Effect::Publish { .. }, _) => {}
        }
        self.answer(call, on, Ok(value));
        if let Some(stream) = subscribed {
            self.event("stream-subscribed", json!({ "stream": stream }));
        }
        chore
    }

    /// A stream is published. What was disabled before that is muted now; one whose name was given to another meanwhile is withdrawn, as nobody could do it later.
    fn published(&mut self, local: &Local, id: StreamId) -> Option<Call> {
        let Some(stream) = self.same(local) else {
            return Some(Call::Unpublish { stream: id });
        };
        stream.publication = Publication::Published { stream: id };
        let (audio, video) = (stream.audio_off.then_some(true), stream.video_off.then_some(true));
        (audio.is_some() || video.is_some()).then_some(Call::Mute { stream: id, audio, video })
    }

    fn same(&mut self, local: &Local) -> Option<&mut LocalStream> {
        self.locals.get_mut(&local.name).filter(|stream| stream.serial == local.serial)
    }

    /// A stream of somebody else appears. One that its owner has disabled in part says so at once: no later event would.
    fn stream_added(&mut self, stream: StreamInfo) {
        self.event("stream-added", json!({ "stream": rendered(&stream) }));
        let told = StreamInfo { audio_muted: false, video_muted: false, ..stream.clone() };
        self.remotes.insert(stream.id, Remote { info: told, subscribed: false });
        self.stream_changed(stream);
    }

    /// A stream of somebody else is muted or unmuted. Pictures that are back are a stream that is back to whoever receives it.
    fn stream_changed(&mut self, stream: StreamInfo) {
        let Some(remote) = self.remotes.get_mut(&stream.id) else { return };
        let subscribed = remote.subscribed;
        let before = mem::replace(&mut remote.info, stream.clone());
        if before.audio_muted != stream.audio_muted {
            self.event("peer-mute-audio", json!({ "msg": { "uid": uid(&stream.user), "muted": stream.audio_muted } }));
        }
        if before.video_muted != stream.video_muted {
            self.event("peer-mute-video", json!({ "msg": { "uid": uid(&stream.user), "muted": stream.video_muted } }));
        }
        if before.video_muted && !stream.video_muted && subscribed {
            self.event("stream-added", json!({ "stream": rendered(&stream) }));
        }
    }

    /// The user is in no channel any more.
    pub(super) fn forget_channel(&mut self) {
        self.user = None;
        self.key_refused = None;
        self.remotes.clear();
        for local in self.locals.values_mut() {
            local.publication = Publication::None;
        }
    }
}

/// A user as Agora's events name it: by number. One that is none can only come from a room that Agora's rules do not hold for, and stays the text it is.
pub(super) fn uid(user: &UserId) -> Value {
    user.as_str().parse::<u32>().map_or_else(|_| Value::from(user.as_str()), Value::from)
}

/// A stream of somebody else, as events hand it over.
fn rendered(stream: &StreamInfo) -> Value {
    let kind = match stream.offer.kind {
        StreamKind::Main => "main",
        StreamKind::Aux => "auxiliary",
    };
    let resolution = |layer: &Layer| json!({ "resolutionId": layer.rid.as_str(), "width": layer.width, "height": layer.height });
    // The highest first.
    let resolutions: Vec<Value> = stream.offer.layers.iter().rev().map(resolution).collect();
    json!({
        "userId": stream.user.as_str(),
        "uid": uid(&stream.user),
        "type": kind,
        "id": uid(&stream.user),
        "hasAudio": stream.offer.audio_bps.is_some(),
        "hasVideo": !stream.offer.layers.is_empty(),
        "resolutions": resolutions,
    })
}
