//! Hearing the loudest three, and being told which videos died.
//!
//! In the mode of the loudest three nobody subscribes to audio: the server forwards whoever is loudest, and the application has one gain for all of them. The gain is the platform's to apply
//! ([`HostOrder::PlayVoices`]); the server forwards, and tells who speaks, whatever it is.

use serde_json::{Value, json};

use super::{
    Caller, Client, Failure, Reply, Then,
    arguments::{Fields, Wrong},
};
use crate::{
    code::sparkrtc::client,
    dialect::{HostOrder, VendorCall, whole},
    id::UserId,
    session::{self, ConnectionState},
    stream::{StreamInfo, StreamKind},
    watch::WatchInterval,
    wire::{AudioMode, Voice},
};

/// How the loudest three are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TopThree {
    volume_percent: u8,
    muted: bool,
}

impl TopThree {
    const BEGIN: Self = Self { volume_percent: 100, muted: false };
}

impl Client {
    /// Switches the mode for the next join. False in a room or on the way there, where it stays as it is.
    pub(super) fn enable_top_three(&mut self, call: &VendorCall) -> Result<Reply, Failure> {
        let enable = enable(&Fields::of(&call.args))?;
        if self.state != ConnectionState::Disconnected {
            return Ok(Reply::Now(false.into()));
        }
        self.top_three = enable.then(|| self.top_three.unwrap_or(TopThree::BEGIN));
        Ok(Reply::Now(true.into()))
    }

    /// One gain for all three.
    pub(super) fn set_top_three_volume(&mut self, call: &VendorCall) -> Result<Reply, Failure> {
        let volume_percent = volume(&Fields::of(&call.args))?;
        let top_three = self.top_three.as_mut().ok_or(client::INVALID_OPERATION)?;
        top_three.volume_percent = volume_percent;
        Ok(self.play_voices())
    }

    /// Silences all three here; what the server does goes on.
    pub(super) fn mute_top_three(&mut self, call: &VendorCall) -> Result<Reply, Failure> {
        let muted = enable(&Fields::of(&call.args))?;
        let top_three = self.top_three.as_mut().ok_or(client::INVALID_OPERATION)?;
        top_three.muted = muted;
        Ok(self.play_voices())
    }

    fn play_voices(&mut self) -> Reply {
        if let Some(TopThree { volume_percent, muted }) = self.top_three {
            self.order(HostOrder::PlayVoices { volume_percent, muted });
        }
        Reply::Now(Value::Null)
    }

    /// What the next join says of the mode.
    pub(super) fn audio_mode(&self) -> AudioMode {
        if self.top_three.is_some() { AudioMode::Loudest } else { AudioMode::Subscribed }
    }

    /// Switches the watch over videos on, anew, or off.
    pub(super) fn enable_detection(&mut self, call: &VendorCall) -> Result<Reply, Failure> {
        let fields = Fields::of(&call.args);
        let enable = enable(&fields)?;
        let interval = interval(&fields, enable)?.filter(|_| enable);
        self.in_room()?;
        Ok(self.ask(Some(Caller::of(call)), session::Call::Watch { interval }, Then::Watch))
    }

    /// A good picture of somebody's video came.
    pub(super) fn frame(&mut self, user: UserId, kind: StreamKind) {
        if let Some(remote) = self.remotes.get(&(user, kind)) {
            let stream = remote.info.id;
            self.tell(session::Input::Picture { stream });
        }
    }

    /// Who is heard now, the loudest first. The vendor spells the field with an underscore here, and nowhere else.
    pub(super) fn volumes(&mut self, voices: &[Voice]) {
        let voice = |voice: &Voice| json!({ "user_id": voice.user.as_str(), "volume": voice.volume.get() });
        self.event("volume-indicator", voices.iter().map(voice).collect());
    }

    /// Videos that died, or came back.
    pub(super) fn streams_event(&mut self, name: &'static str, streams: &[StreamInfo]) {
        let stream = |stream: &StreamInfo| json!({ "userId": stream.user.as_str(), "isScreen": stream.offer.kind == StreamKind::Aux });
        self.event(name, streams.iter().map(stream).collect());
    }
}

/// The argument `enable`, which cannot be left out.
fn enable(fields: &Fields<'_>) -> Result<bool, Wrong> {
    fields.get("enable").and_then(Value::as_bool).ok_or_else(|| fields.wrong("enable", "true or false"))
}

/// The argument `volume`: any number from 0 to 100, to the nearest percent.
fn volume(fields: &Fields<'_>) -> Result<u8, Wrong> {
    let volume = fields.get("volume").and_then(Value::as_f64).filter(|volume| (0.0..=100.0).contains(volume));
    let volume = volume.ok_or_else(|| fields.wrong("volume", "a number from 0 to 100"))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between 0 and 100.5")]
    Ok((volume + 0.5) as u8)
}

/// The argument `interval` in whole seconds. To switch the watch off, none is needed.
fn interval(fields: &Fields<'_>, needed: bool) -> Result<Option<WatchInterval>, Wrong> {
    match fields.get("interval") {
        None if !needed => Ok(None),
        value => match value.and_then(whole).and_then(WatchInterval::new) {
            Some(interval) => Ok(Some(interval)),
            None => Err(fields.wrong("interval", "a whole number of seconds from 1 to 60")),
        },
    }
}
