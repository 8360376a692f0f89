//! What the session says, in SparkRTC's words.

use alloc::{string::String, vec::Vec};

use serde_json::{Value, json};

use super::{
    Client, LogLevel, Open, Then, codes,
    names::Host,
    streams::{Published, Remote, render},
};
use crate::{
    code::{Code, sparkrtc::client},
    dialect::{HostOrder, Output, quality},
    id::{UserId, UserName},
    session::{Answer, CallId, ConnectionState, Event},
    stream::{StreamInfo, StreamKind, TrackKind},
};

impl Client {
    pub(super) fn heard(&mut self, event: Event) {
        match event {
            Event::Answered { id, result } => self.answered(id, result),
            Event::StateChanged { from, to } => {
                self.state = to;
                self.event("connection-state-changed", json!({ "prevState": state(from), "curState": state(to) }));
                if to == ConnectionState::Connected && self.stay.is_some() {
                    self.catch_up();
                }
            }
            Event::Interrupted { code } => {
                let told = codes::error_info(codes::of(code));
                // a socket that the server closes, or that reports a fault, is an error; silence may be over in a moment, and is only noted.
                if code != Code::HEARTBEAT_LOST {
                    self.event("Error", told.clone());
                }
                self.notice(LogLevel::Warn, "link-interrupted", told);
            }
            Event::Restored { after } => {
                let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                self.notice(LogLevel::Info, "link-restored", json!({ "afterMs": after_ms }));
            }
            Event::Removed { code } => self.removed(code),
            Event::PeerJoined { user, name } => {
                let data = peer(&user, name.as_ref());
                self.others.insert(user, name);
                self.event("peer-join", data);
            }
            Event::PeerRenamed { user, name } => {
                let text = name.as_ref().map_or("", UserName::as_str);
                let data = json!({ "roomId": self.room_text(), "userId": user.as_str(), "userName": text });
                self.others.insert(user, name);
                self.event("remote-user-name-changed", data);
            }
            Event::PeerLeft { user, name, reason } => {
                self.others.remove(&user);
                if let Some(reason) = codes::leave_reason(reason) {
                    let mut data = peer(&user, name.as_ref());
                    data["reason"] = reason;
                    self.event("peer-leave", data);
                }
            }
            Event::StreamAdded { stream } => {
                self.event("stream-added", render(&stream));
                self.remotes.insert(key(&stream), Remote::new(stream));
            }
            Event::StreamUpdated { stream } => self.stream_updated(stream),
            Event::StreamRemoved { stream } => {
                self.remotes.remove(&key(&stream));
                self.event("stream-removed", render(&stream));
            }
            Event::StreamMuted { stream } => self.stream_muted(stream),
            Event::VideoNeeded { stream, needed, up_to } => {
                let published = |local: &super::LocalStream| matches!(&local.published, Published::Yes { stream: id, .. } if *id == stream);
                if let Some(name) = self.streams.iter().find_map(|(name, local)| published(local).then(|| name.clone())) {
                    self.order(HostOrder::SendVideo { stream: name, on: needed, up_to });
                }
            }
            Event::StreamsInterrupted { streams } => self.streams_event("stream-interrupted", &streams),
            Event::StreamsRecovered { streams } => self.streams_event("stream-recovered", &streams),
            Event::Volumes { voices } => self.volumes(&voices),
            Event::KeyRefused { code } => self.event("signature-expired", codes::error_info(codes::of(code))), // R-043 R-044
            Event::NetworkQuality { up, down } => {
                let data = json!({ "uplinkNetworkQuality": up.level.number(), "downlinkNetworkQuality": down.level.number() });
                self.event("network-quality", data);
                self.notice(LogLevel::Info, "network-quality-reason", quality::reasons(up, down));
            }
            // Agora's ways: a SparkRTC session is not set to take them. And where the media transport is reached is no concern of the vendor's interface.
            Event::StillAway | Event::Trouble { .. } | Event::Media { .. } => {}
            Event::Republished { before, now } => {
                let was = |published: &Published| matches!(published, Published::Yes { stream, .. } if *stream == before);
                for local in self.streams.values_mut().filter(|local| was(&local.published)) {
                    match (now, &mut local.published) {
                        (Ok(now), Published::Yes { stream, .. }) => *stream = now,
                        (Ok(_) | Err(_), published) => *published = Published::No,
                    }
                }
            }
            //
            Event::Unsubscribed { stream, .. } => {
                if let Some(remote) = self.remotes.values_mut().find(|remote| remote.info.id == stream) {
                    (remote.audio, remote.video) = (false, crate::stream::LayerSet::EMPTY);
                }
            }
        }
    }

    fn stream_updated(&mut self, stream: StreamInfo) {
        self.event("stream-updated", render(&stream));
        let Some(remote) = self.remotes.get_mut(&key(&stream)) else {
            self.remotes.insert(key(&stream), Remote::new(stream));
            return;
        };
        let had = (remote.info.offer.audio_bps.is_some(), !remote.info.offer.layers.is_empty());
        let has = (stream.offer.audio_bps.is_some(), !stream.offer.layers.is_empty());
        let user = stream.user.clone();
        remote.info = stream;
        // media that is gone is offline.
        if had.0 && !has.0 {
            self.media_status("mute-audio", &user, 2, 0);
        }
        if had.1 && !has.1 {
            self.media_status("mute-video", &user, 2, 0);
        }
    }

    fn stream_muted(&mut self, stream: StreamInfo) {
        let Some(remote) = self.remotes.get_mut(&key(&stream)) else { return };
        let before = (remote.info.audio_muted, remote.info.video_muted);
        let (user, after) = (stream.user.clone(), (stream.audio_muted, stream.video_muted));
        remote.info = stream;
        if before.0 != after.0 {
            self.muted(TrackKind::Audio, &user, after.0);
        }
        if before.1 != after.1 {
            self.muted(TrackKind::Video, &user, after.1);
        }
    }

    fn muted(&mut self, part: TrackKind, user: &UserId, muted: bool) {
        let name = match (part, muted) {
            (TrackKind::Audio, true) => "mute-audio",
            (TrackKind::Audio, false) => "unmute-audio",
            (TrackKind::Video, true) => "mute-video",
            (TrackKind::Video, false) => "unmute-video",
        };
        let (status, reason) = if muted { (2, 1) } else { (1, 2) };
        self.media_status(name, user, status, reason);
    }

    fn media_status(&mut self, name: &'static str, user: &UserId, status: u8, reason: u8) {
        let data = json!({ "roomId": self.room_text(), "userId": user.as_str(), "status": status, "reason": reason });
        self.event(name, data);
    }

    /// The stay ended without the application's doing.
    fn removed(&mut self, code: Code) {
        let Some(stay) = self.stay.take() else { return };
        match code {
            Code::REPLACED | Code::REMOVED => {
                let data = json!({ "userId": stay.user.as_str(), "reason": codes::ban_reason(code) });
                self.event("client-banned", data); // R-064 R-067
            }
            Code::DISSOLVED => self.event("kick-room", json!({ "roomId": stay.room.as_str() })),
            _ => self.event("Error", codes::error_info(codes::of(code))),
        }
        self.end_of_stay(false);
    }

    /// Nothing of the room is left: not the others, not what was published. Devices are let go of where the application left by itself.
    fn end_of_stay(&mut self, release: bool) {
        self.stay = None;
        self.end_statistics();
        self.forget_told_bandwidth();
        self.others.clear();
        self.remotes.clear();
        self.withdraw_all();
        if release {
            self.release_all();
        }
        let registered: Vec<(String, u32)> = self.handlers.iter().map(|((_, event), count)| ((*event).into(), *count)).collect();
        if !registered.is_empty() {
            let leaked: Vec<Value> =
                registered.into_iter().map(|(event, handlers)| json!({ "event": event, "handlers": handlers })).collect();
            self.notice(LogLevel::Debug, "handlers-leaked", leaked.into());
        }
    }

    fn answered(&mut self, id: CallId, result: Result<Answer, Code>) {
        let Some(Open { caller, then }) = self.open.remove(&id) else { return };
        let answer = match result {
            Ok(answer) => answer,
            Err(code) => {
                let result = self.refused(then, code);
                return self.returns(caller, result);
            }
        };
        match (then, answer) {
            (Then::Join { room, name }, Answer::Joined { user, role }) => {
                self.stay = Some(super::Stay { room, user, name, role });
                self.begin_statistics();
                self.returns(caller, Ok(Value::Null));
                self.sync_bandwidth();
            }
            (Then::Leave, _) => {
                self.returns(caller, Ok(Value::Null));
                self.end_of_stay(true);
            }
            (Then::Publish { stream, on_demand }, Answer::Published { stream: id }) => {
                self.returns(caller, Ok(Value::Null));
                self.published(&stream, id, on_demand);
            }
            (Then::Unpublish { stream }, _) => {
                self.unpublished(&stream);
                self.returns(caller, Ok(Value::Null));
            }
            (Then::Republish { value, .. }, _) => self.returns(caller, Ok(value)),
            (Then::Mute { .. } | Then::Bandwidth | Then::Watch, _) => self.returns(caller, Ok(Value::Null)),
            (Then::Subscribe { of, audio, video }, _) => {
                self.returns(caller, Ok(Value::Null));
                self.subscribed(&of, audio, video);
            }
            (Then::Unsubscribe { of, audio, video }, _) => {
                self.unsubscribed(&of, audio, video);
                self.returns(caller, Ok(Value::Null));
            }
            (Then::Batch { wanted }, answer) => {
                let refused = if let Answer::Subscribed { refused } = answer { refused } else { Vec::new() };
                self.returns(caller, Ok(Value::Null));
                self.batch_subscribed(wanted, &refused);
            }
            (Then::SwitchRole { role }, _) => {
                if let Some(stay) = &mut self.stay {
                    stay.role = role;
                }
                if !role.may_publish() {
                    self.withdraw_all();
                }
                self.returns(caller, Ok(Value::Null));
            }
            (Then::Renew, _) => self.returns(caller, Ok(true.into())),
            (Then::Rename { name }, _) => {
                if let Some(stay) = &mut self.stay {
                    stay.name = Some(name);
                }
                self.returns(caller, Ok(true.into()));
            }
            (Then::LocalStats { medium }, Answer::Audience { streams }) => {
                let stats = self.local_stats(medium, &streams);
                self.returns(caller, Ok(stats));
            }
            // An answer of the wrong kind. The session does not give any; the caller would still be owed one.
            (Then::Join { .. } | Then::Publish { .. } | Then::LocalStats { .. }, _) => self.returns(caller, Err(client::RTC_SDK_ERROR)),
        }
    }

    /// Takes back what was done in the hope of a better answer, and says what the call returns.
    fn refused(&mut self, then: Then, code: Code) -> Result<Value, crate::code::vendor::VendorCode<'static>> {
        match then {
            Then::Publish { stream, .. } => {
                if let Some(local) = self.streams.get_mut(&stream)
                    && matches!(local.published, Published::Asked { .. })
                {
                    local.published = Published::No;
                }
                return Err(codes::of_publish(code));
            }
            Then::Unpublish { stream } => {
                if let Some(Published::Yes { ending, .. }) = self.streams.get_mut(&stream).map(|local| &mut local.published) {
                    *ending = false;
                }
            }
            Then::Republish { stream, .. } => {
                if let Some(Published::Yes { sent, .. }) = self.streams.get_mut(&stream).map(|local| &mut local.published) {
                    *sent = None;
                }
            }
            Then::Bandwidth => self.forget_told_bandwidth(),
            Then::Mute { stream } => {
                if let Some(Published::Yes { told, .. }) = self.streams.get_mut(&stream).map(|local| &mut local.published) {
                    *told = None;
                }
            }
            // what is gone is not subscribed any more.
            Then::Subscribe { of, .. } | Then::Unsubscribe { of, .. } if matches!(code, Code::NO_SUCH_STREAM | Code::NO_SUCH_USER) => {
                self.remotes.remove(&of);
            }
            // a credential that is not accepted is no error, but a plain no.
            Then::Renew if code.kind() == crate::code::Kind::Authorization => return Ok(false.into()),
            // nor is a name.
            Then::Rename { .. } if code == Code::BAD_REQUEST => return Ok(false.into()),
            Then::Join { .. }
            | Then::Leave
            | Then::Subscribe { .. }
            | Then::Unsubscribe { .. }
            | Then::Batch { .. }
            | Then::SwitchRole { .. }
            | Then::LocalStats { .. }
            | Then::Renew
            | Then::Rename { .. }
            | Then::Watch => {}
        }
        Err(codes::of(code))
    }

    /// Tells a new subscriber what is muted already: of all that the stream has, whichever part was subscribed to, as later changes are told of both, too.
    pub(super) fn tell_muted(&mut self, of: &(UserId, StreamKind)) {
        let Some(remote) = self.remotes.get(of) else { return };
        let (has_audio, has_video) = (remote.info.offer.audio_bps.is_some(), !remote.info.offer.layers.is_empty());
        let (audio, video) = (has_audio && remote.info.audio_muted, has_video && remote.info.video_muted);
        if audio {
            self.muted(TrackKind::Audio, &of.0, true);
        }
        if video {
            self.muted(TrackKind::Video, &of.0, true);
        }
    }

    /// Takes in what the platform says.
    pub(super) fn host(&mut self, word: Host) {
        match word {
            Host::Captured { stream, medium, result } => self.captured(stream, medium, result),
            Host::Capable(capabilities) => self.capabilities = capabilities,
            Host::Statistics(report) => self.reported(report),
            Host::LogUploaded { status } => self.event("log-upload-result", json!({ "status": status })),
            Host::SharingStopped { stream } => {
                let Some(local) = self.streams.get(&stream) else { return };
                let id = local.id().map(|id| alloc::string::ToString::to_string(&id.0));
                let data = json!({ "streamId": id });
                self.outputs.push_back(Output::Event { on: Some(stream), name: "screen-sharing-stopped", data });
            }
        }
    }

    fn room_text(&self) -> &str {
        self.stay.as_ref().map_or("", |stay| stay.room.as_str())
    }
}

fn key(stream: &StreamInfo) -> (UserId, StreamKind) {
    (stream.user.clone(), stream.offer.kind)
}

/// A user as `peer-join` and `peer-leave` show it: without the field where there is no name.
fn peer(user: &UserId, name: Option<&UserName>) -> Value {
    let mut data = json!({ "userId": user.as_str() });
    if let Some(name) = name {
        data["userName"] = name.as_str().into();
    }
    data
}

/// SparkRTC's word for the state.
pub(super) const fn state(state: ConnectionState) -> &'static str {
    match state {
        ConnectionState::Disconnected => "DISCONNECTED",
        ConnectionState::Connecting => "CONNECTING",
        ConnectionState::Connected => "CONNECTED",
        ConnectionState::Reconnecting => "RECONNECTING",
    }
}
